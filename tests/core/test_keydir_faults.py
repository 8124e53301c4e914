"""Damaged key directories: each fault is refused, and the ring in use stays unchanged."""

import json
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest

from tests.core.key_material import JWKS
from tests.core.test_keydir import facts_of, names_in
from tests.support import NOW, SECRET
from tokenward import ConfigurationError, Key, KeyDirectory, KeyRing
from tokenward.errors import InvalidKeyError

RSA = Key.from_jwk(JWKS["RSA"])


@pytest.fixture
def path(tmp_path):
    """Return a directory with a ring: one key signs, a secret and an older key verify."""
    ring = KeyRing(Key.generate(kid="old"), verifiers=[Key.from_secret(SECRET, kid="shared")])
    ring.rotate(Key.generate(kid="new"), verify_for=timedelta(days=1), now=NOW)
    KeyDirectory(tmp_path / "keys").save(ring)
    return tmp_path / "keys"


def file_of(path, kid):
    """Return the file of a key."""
    (found,) = path.glob(f"key-{kid}.*")
    return found


def edit(path, **changes):
    """Change the row of the active key, which is the first."""
    manifest = json.loads((path / "ring.json").read_text())
    manifest["keys"][0].update(changes)
    (path / "ring.json").write_text(json.dumps(manifest))


def write_manifest(path, content):
    """Write a manifest, valid or not."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    (path / "ring.json").write_bytes(data)


def swap(path, one, other):
    """Exchange the content of two key files."""
    first, second = file_of(path, one), file_of(path, other)
    held = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(held)


def replace_by_directory(file):
    """Replace a file with a directory."""
    file.unlink()
    file.mkdir()


def replace_by_fifo(file):
    """Replace a file with a pipe that has no writer."""
    file.unlink()
    os.mkfifo(file, 0o600)


def link_outside(path, kid):
    """Replace a file with a link to a file outside of the directory."""
    file = file_of(path, kid)
    file.rename(path.parent / file.name)
    file.symlink_to(path.parent / file.name)


def link_to_itself(file):
    """Replace a file with a link to itself."""
    file.unlink()
    file.symlink_to(file.name)


def duplicate_row(path, **changes):
    """Name the first key a second time."""
    manifest = json.loads((path / "ring.json").read_text())
    manifest["keys"].append({**manifest["keys"][0], **changes})
    write_manifest(path, manifest)


MEANT = "is not the key that ring.json describes"
NO_MANIFEST = "is not the manifest of a ring"
FAULTS = {
    "missing": (lambda p: file_of(p, "old").unlink(), "key-old", "No such file"),
    "empty": (lambda p: file_of(p, "old").write_bytes(b""), "key-old", "not a PEM key"),
    "truncated": (lambda p: os.truncate(file_of(p, "old"), 60), "key-old", "cannot be read"),
    "truncated secret": (lambda p: os.truncate(file_of(p, "shared"), 40), "shared", "not a JSON"),
    "swapped": (lambda p: swap(p, "old", "new"), "key-new", MEANT),
    "other key": (
        lambda p: file_of(p, "new").write_bytes(Key.generate().private_pem()), "key-new", MEANT
    ),
    "other kind": (
        lambda p: file_of(p, "new").write_bytes(RSA.private_pem()), "key-new", "does not take"
    ),
    "other secret": (
        lambda p: file_of(p, "shared").write_text(
            json.dumps(Key.from_secret(SECRET, kid="theirs").secret_jwk())
        ),
        "key-shared",
        MEANT,
    ),
    "not utf-8": (lambda p: file_of(p, "old").write_bytes(b"\xff\xfe"), "key-old", "not UTF-8"),
    "huge": (lambda p: file_of(p, "old").write_bytes(b" " * 1_048_577), "key-old", "larger than"),
    "directory": (lambda p: replace_by_directory(file_of(p, "old")), "key-old", "is not a file"),
    "fifo": (lambda p: replace_by_fifo(file_of(p, "old")), "key-old", "is not a file"),
    "link outside": (lambda p: link_outside(p, "old"), "key-old", "leads out of the directory"),
    "link in a circle": (lambda p: link_to_itself(file_of(p, "old")), "key-old", "cannot be read"),
    "readable by the group": (lambda p: file_of(p, "old").chmod(0o640), "key-old", "chmod 600"),
    "readable by others": (lambda p: file_of(p, "old").chmod(0o604), "key-old", "chmod 600"),
    "open secret": (lambda p: file_of(p, "shared").chmod(0o644), "key-shared", "chmod 600"),
    "manifest is a directory": (
        lambda p: replace_by_directory(p / "ring.json"), "ring.json", "is not a file"
    ),
    "manifest leads nowhere": (
        lambda p: ((p / "ring.json").unlink(), (p / "ring.json").symlink_to("gone")),
        "ring.json",
        "No such file",
    ),
    "manifest is empty": (lambda p: write_manifest(p, b""), "ring.json", NO_MANIFEST),
    "manifest is truncated": (
        lambda p: os.truncate(p / "ring.json", 200), "ring.json", NO_MANIFEST
    ),
    "manifest is not utf-8": (lambda p: write_manifest(p, b"\xff"), "ring.json", "not UTF-8"),
    "manifest is huge": (
        lambda p: write_manifest(p, b" " * 1_048_577), "ring.json", "larger than"
    ),
    "manifest is no object": (lambda p: write_manifest(p, []), "ring.json", NO_MANIFEST),
    "manifest is deep": (lambda p: write_manifest(p, b"[" * 60_000), "ring.json", NO_MANIFEST),
    "later version": (
        lambda p: write_manifest(p, {"version": 2, "keys": []}), "ring.json", NO_MANIFEST
    ),
    "no keys": (
        lambda p: write_manifest(p, {"version": 1, "keys": []}), "ring.json", "exactly one active"
    ),
    "unknown state": (lambda p: edit(p, state="retired"), "ring.json", NO_MANIFEST),
    "unknown member": (lambda p: edit(p, use="sig"), "ring.json", NO_MANIFEST),
    "open secret in the manifest": (lambda p: edit(p, k=SECRET), "ring.json", "chmod 600"),
    "time is text": (lambda p: edit(p, verify_until="9"), "ring.json", NO_MANIFEST),
    "time is NaN": (lambda p: edit(p, verify_until=float("nan")), "ring.json", NO_MANIFEST),
    "kid is a number": (lambda p: edit(p, kid=1), "ring.json", NO_MANIFEST),
    "none active": (lambda p: edit(p, state="pending"), "ring.json", "exactly one active"),
    "unknown algorithm": (lambda p: edit(p, algorithm="none"), "key-new", "algorithm is unknown"),
    "other algorithm": (lambda p: edit(p, algorithm="ES256"), "key-new", "does not take"),
    "no kid": (lambda p: edit(p, kid=None), "key-new", MEANT),
    "no thumbprint": (lambda p: edit(p, thumbprint=None), "key-new", MEANT),
    "file above": (lambda p: edit(p, file="../key.pem"), "ring.json", NO_MANIFEST),
    "file below": (lambda p: edit(p, file="a/key.pem"), "ring.json", NO_MANIFEST),
    "file elsewhere": (lambda p: edit(p, file="/etc/ssl/key.pem"), "ring.json", NO_MANIFEST),
    "file is a manifest": (lambda p: edit(p, file="ring.json"), "ring.json", NO_MANIFEST),
    "file with NUL": (lambda p: edit(p, file="a\x00.pem"), "ring.json", NO_MANIFEST),
    "file is hidden": (lambda p: edit(p, file=".a.pem"), "ring.json", NO_MANIFEST),
    "named twice": (duplicate_row, "key-new", "hold keys of the same id"),
    "two active": (
        lambda p: (
            duplicate_row(p, file="b.pem", kid="b"),
            (p / "b.pem").write_bytes(file_of(p, "new").read_bytes()),
            (p / "b.pem").chmod(0o600),
        ),
        "ring.json",
        "exactly one active",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_refused_and_the_ring_stays(path, name):
    """The error names the file and contains nothing of its content; the ring is not changed."""
    break_it, file, reason = FAULTS[name]
    directory = KeyDirectory(path)
    ring = directory.load()
    before, version = facts_of(ring), ring.version
    held = {piece for each in path.glob("key-*") for piece in each.read_text().split("\n")}
    break_it(path)

    with pytest.raises(ConfigurationError, match=reason) as caught:
        directory.reload(ring)
    with pytest.raises(ConfigurationError, match=reason):
        directory.load()

    said = str(caught.value)
    assert str(path) in said
    assert file in said
    assert not [
        piece for piece in held if len(piece) > 20 and "-----" not in piece and piece in said
    ]
    assert SECRET not in said
    assert (facts_of(ring), ring.version) == (before, version)


def test_no_error_carries_the_content(path):
    """Neither an error nor its cause or context contains a key or a part of a file."""
    pem = file_of(path, "old").read_bytes()
    for content in (pem[:90], pem[:90] + b"\xff", b'{"kty":"oct","k":"' + SECRET.encode()):
        for kid in ("old", "shared"):
            file_of(path, kid).write_bytes(content)
        with pytest.raises(ConfigurationError) as caught:
            KeyDirectory(path).load()

        error = caught.value
        while error is not None:
            assert SECRET not in repr(error)
            assert SECRET not in repr(vars(error))
            assert content not in getattr(error, "args", ())
            assert not hasattr(error, "object")
            error = error.__cause__ or error.__context__


def test_the_fix_of_an_open_file_can_be_copied(path):
    """The message contains the command, with the path quoted for a shell."""
    file = file_of(path, "old").rename(path / "my old.pem")
    manifest = (path / "ring.json").read_text()
    (path / "ring.json").write_text(re.sub(r"key-old[^\"]*", "my old.pem", manifest))
    file.chmod(0o644)

    with pytest.raises(InvalidKeyError, match=re.escape(f"chmod 600 '{file}'")):
        KeyDirectory(path).load()
    file.chmod(0o600)
    assert KeyDirectory(path).load()


def test_a_public_file_may_be_read_by_all(tmp_path):
    """A file without a private part needs no protection."""
    public = Key.generate("ES256").public_jwk()
    (tmp_path / "a.jwk.json").write_text(json.dumps(public))
    (tmp_path / "a.jwk.json").chmod(0o666)

    assert KeyDirectory(tmp_path).load().active.kid == public["kid"]


def test_a_link_within_the_directory_is_followed(path):
    """Files may be links to other files of the directory, as in mounted Kubernetes secrets."""
    (path / "..data").mkdir()
    file = file_of(path, "old")
    file.rename(path / "..data" / file.name)
    file.symlink_to(Path("..data") / file.name)

    assert len(KeyDirectory(path).load()) == 3


def test_a_hand_written_manifest_is_short(tmp_path):
    """If the key id is the thumbprint, the file, algorithm and state are enough."""
    key = Key.generate()
    (tmp_path / "a.pem").write_bytes(key.private_pem())
    (tmp_path / "a.pem").chmod(0o600)
    row = {"kid": key.kid, "file": "a.pem", "algorithm": "EdDSA", "state": "active"}
    write_manifest(tmp_path, {"keys": [row]})

    assert KeyDirectory(tmp_path).load().active.kid == key.kid


def test_a_failed_save_leaves_nothing_behind(path):
    """If the manifest cannot be written, the new files are removed and the old ones stay."""
    replace_by_directory(path / "ring.json")
    before = names_in(path)

    with pytest.raises(OSError, match="directory"):
        KeyDirectory(path).save(KeyRing.generate())

    assert names_in(path) == before
    assert not list(path.glob(".*.tmp"))


def test_a_path_that_is_not_a_directory_is_refused(tmp_path):
    """The error names a path that does not exist or is a file."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "gone", tmp_path / "file"):
        with pytest.raises(ConfigurationError, match=re.escape(str(path))):
            KeyDirectory(path).load()
