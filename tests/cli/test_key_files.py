"""One rule for key files, wherever their name comes from: a setting, an option or a directory."""

import json
import os
import shlex
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.support import run
from tests.support import SECRET
from tokenward import ConfigurationError, Key, KeyDirectory
from tokenward.settings import TokenwardSettings

PAIR = Key.generate("ES256", kid="pair")
PRIVATE_PEM = PAIR.private_pem()
PUBLIC_JWK = json.dumps(PAIR.public_jwk()).encode()
PUBLIC_PEM = (
    b"-----BEGIN PUBLIC KEY-----\n"
    b"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    b"-----END PUBLIC KEY-----\n"
)
SECRET_JWK = json.dumps(Key.from_secret(SECRET, kid="shared").secret_jwk()).encode()
KEY_SET = b'{"keys": [' + SECRET_JWK + b", " + PUBLIC_JWK + b"]}"
TOKEN = "eyJhbGciOiJub25lIn0.e30."
MAX_BYTES = 1_048_576


class Entrance(NamedTuple):
    """A way by which a key file is loaded."""

    load: Callable[[Path], str | None]
    """Load the file; return the error if it is refused."""
    file: str
    """A name that such a file may have."""
    private: bytes
    """A content that others must not read."""
    public: bytes | None
    """A content that others may read; None: such a file is always secret."""

    @property
    def is_directory(self) -> bool:
        """Whether the file must be inside of a key directory."""
        return self.file.startswith("key.")


def by_setting(setting: str, *, parent: bool = False) -> Callable[[Path], str | None]:
    """Load the file, or its directory, as the value of a setting."""

    def load(path: Path) -> str | None:
        try:
            TokenwardSettings(**{setting: path.parent if parent else path}).to_keys()
        except ConfigurationError as error:
            return str(error)
        return None

    return load


def by_option(option: str, *, parent: bool = False) -> Callable[[Path], str | None]:
    """Load the file, or its directory, as the value of an option of a command."""

    def load(path: Path) -> str | None:
        result = run("inspect", "--json", option, path.parent if parent else path, stdin=TOKEN)
        return json.loads(result.stdout).get("error", {}).get("message")

    return load


def by_manifest(path: Path) -> str | None:
    """Load the file as the active key of a manifest."""
    row = {"kid": "shared", "algorithm": "HS256"}
    if path.is_file() and path.read_bytes() == PUBLIC_JWK:
        row = {"kid": "pair", "algorithm": "ES256", "thumbprint": PAIR.thumbprint}
    manifest = {"keys": [{**row, "file": path.name, "state": "active"}]}
    (path.parent / "ring.json").write_text(json.dumps(manifest))
    try:
        KeyDirectory(path.parent).load()
    except ConfigurationError as error:
        return str(error)
    return None


ENTRANCES = {
    "TOKENWARD_SECRET_FILE": Entrance(by_setting("secret_file"), "file", SECRET.encode(), None),
    "TOKENWARD_PEM_FILE": Entrance(by_setting("pem_file"), "file", PRIVATE_PEM, PUBLIC_PEM),
    "TOKENWARD_JWKS_FILE": Entrance(by_setting("jwks_file"), "file", KEY_SET, PUBLIC_JWK),
    "TOKENWARD_KEYS_DIR": Entrance(
        by_setting("keys_dir", parent=True), "key.pem", PRIVATE_PEM, PUBLIC_PEM
    ),
    "a JWK in TOKENWARD_KEYS_DIR": Entrance(
        by_setting("keys_dir", parent=True), "key.jwk.json", SECRET_JWK, PUBLIC_JWK
    ),
    "a manifest": Entrance(by_manifest, "key.jwk.json", SECRET_JWK, PUBLIC_JWK),
    "--secret-file": Entrance(by_option("--secret-file"), "file", SECRET.encode(), None),
    "--pem": Entrance(by_option("--pem"), "file", PRIVATE_PEM, PUBLIC_PEM),
    "--jwks": Entrance(by_option("--jwks"), "file", KEY_SET, PUBLIC_JWK),
    "--keys": Entrance(by_option("--keys", parent=True), "key.pem", PRIVATE_PEM, PUBLIC_PEM),
}
EVERY_ENTRANCE = pytest.mark.parametrize("entrance", ENTRANCES.values(), ids=ENTRANCES)


@pytest.fixture
def keys(tmp_path) -> Path:
    """Return an empty directory whose path a shell must quote."""
    path = tmp_path / "my keys"
    path.mkdir()
    return path


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    """Write a file that has a mode."""
    path.write_bytes(content)
    path.chmod(mode)
    return path


@EVERY_ENTRANCE
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610])
def test_a_private_file_is_for_its_owner_alone(keys, entrance, mode):
    """A private key or a secret that others can read is refused, with the command that changes it."""
    path = write(keys / entrance.file, entrance.private, mode)
    assert entrance.load(path) == (
        f"{str(path)!r} holds a private key or a secret, and others than its owner can read it: "
        f"chmod 600 {shlex.quote(str(path))}"
    )
    path.chmod(0o400)
    assert entrance.load(path) is None


@EVERY_ENTRANCE
def test_a_public_file_may_be_read_by_all(keys, entrance):
    """Public keys need no protection; a file that is a secret as a whole has no public form."""
    content = entrance.public or entrance.private
    path = write(keys / entrance.file, content, 0o644)
    refusal = entrance.load(path)
    assert (refusal is None) == (entrance.public is not None)


@EVERY_ENTRANCE
def test_the_size_is_limited(keys, entrance):
    """A file of one byte more than 1 MiB is refused, and the largest file is read whole."""
    if entrance.public is None:
        padding = b"x"
    else:
        padding = b" " if entrance.private.startswith(b"{") else b"\n"
    whole = entrance.private + padding * (MAX_BYTES - len(entrance.private))
    path = write(keys / entrance.file, whole)
    assert entrance.load(path) is None
    write(path, whole + padding)
    assert entrance.load(path) == f"{str(path)!r} is larger than {MAX_BYTES} bytes."


@EVERY_ENTRANCE
def test_text_is_utf8(keys, entrance):
    """Keys are UTF-8 text; a secret may be any bytes."""
    path = write(keys / entrance.file, b"\xff\xfe" + entrance.private)
    expected = None if entrance.public is None else f"{str(path)!r} is not UTF-8 text."
    assert entrance.load(path) == expected


@EVERY_ENTRANCE
def test_a_directory_is_not_a_file(keys, entrance):
    """A directory in the place of a file is refused by its path."""
    path = keys / entrance.file
    path.mkdir()
    assert entrance.load(path) == f"{str(path)!r} is not a file."


@EVERY_ENTRANCE
def test_a_pipe_is_read_where_a_setting_names_it(keys, entrance):
    """As a shell's <(...) makes one; in a key directory it would block, and is refused."""
    path = keys / entrance.file
    os.mkfifo(path, 0o644)
    if entrance.is_directory:
        assert entrance.load(path) == f"{str(path)!r} is not a file."
        return
    writer = threading.Thread(target=path.write_bytes, args=(entrance.private,), daemon=True)
    writer.start()
    assert entrance.load(path) is None
    writer.join()


@EVERY_ENTRANCE
def test_a_link_leads_to_a_file(keys, entrance):
    """To any file where a setting names it, to one of the directory in a key directory."""
    inside = keys / ".data"
    inside.mkdir()
    target = write(inside / entrance.file, entrance.private)
    path = keys / entrance.file
    path.symlink_to(target)
    assert entrance.load(path) is None

    target.rename(keys.parent / entrance.file)
    path.unlink()
    path.symlink_to(keys.parent / entrance.file)
    expected = f"{str(path)!r} leads out of the directory." if entrance.is_directory else None
    assert entrance.load(path) == expected
    # The mode of the file counts, not that of the link.
    (keys.parent / entrance.file).chmod(0o644)
    assert entrance.load(path) is not None


@EVERY_ENTRANCE
def test_an_encrypted_or_damaged_private_key_is_private_too(keys, entrance):
    """What others can read is refused before it is looked at more closely."""
    damaged = {
        "PEM": b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "JWK": b'{"kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA"}',
        "later in a set": b'{"keys": [{"kty": "RSA"}, {"kty": "AKP", "priv": "AA"}]}',
    }
    for content in damaged.values():
        path = write(keys / entrance.file, content, 0o644)
        assert "chmod 600" in (entrance.load(path) or "")
