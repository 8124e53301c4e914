"""A ring in a directory: writing, reading, and keeping a ring current."""

import asyncio
import json
import logging
import os
import re
import signal
import stat
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from tests.core.key_material import JWKS
from tests.support import NOW, SECRET, signed
from tokenward import ConfigurationError, Key, KeyDirectory, KeyRing
from tokenward.errors import InvalidKeyError, SigningKeyError
from tokenward.jose.compact import CompactJws
from tokenward.keys import KeyEntry

ALGORITHMS = [
    "HS256",
    "HS512",
    "RS256",
    "PS384",
    "ES256",
    "ES384",
    "ES512",
    "ES256K",
    "EdDSA",
    "Ed25519",
    "Ed448",
]


@pytest.fixture
def directory(tmp_path):
    """Return a directory that does not exist yet."""
    return KeyDirectory(tmp_path / "keys")


def names_in(path):
    """Return the names of the files that are not hidden."""
    return sorted(each.name for each in path.iterdir() if not each.name.startswith("."))


def facts_of(ring):
    """Return the facts of a ring that can be compared."""
    return [
        (entry.key.kid, entry.key.algorithm.name, entry.key.can_sign, entry.state, until)
        for entry in ring.entries()
        for until in [entry.verify_until]
    ]


def full_ring():
    """Return a ring with keys of each kind and state."""
    signer = Key.generate("EdDSA")
    ring = KeyRing(
        signer,
        verifiers=[
            Key.from_secret(SECRET, kid="shared"),
            Key.from_secret(SECRET * 2, algorithm="HS512"),
            Key.from_jwk(Key.generate("ES256", kid="partner/1").public_jwk()),
        ],
        pending=[Key.generate("ES384", kid="next")],
    )
    ring.rotate(Key.generate("EdDSA", kid="2026-11"), verify_for=timedelta(days=30), now=NOW)
    return ring


def test_a_ring_is_loaded_as_it_was_saved(directory):
    """Keys, ids, algorithms, states and times are the saved ones, and the active key is first."""
    ring = full_ring()
    directory.save(ring)

    assert facts_of(directory.load()) == facts_of(ring)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kid", [None, "2026-11"])
def test_a_key_of_each_algorithm_is_saved_and_loaded(directory, algorithm, kid):
    """The loaded key verifies what the saved key signed, and the other way round."""
    ring = KeyRing.generate(algorithm, kid=kid)
    directory.save(ring)
    loaded = directory.load()

    assert loaded.active.kid == ring.active.kid
    for one, other in ((ring, loaded), (loaded, ring)):
        token = signed({"sub": "a"}, key=one.active)
        assert CompactJws(other, max_bytes=2_000).verify(token).payload == b'{"sub": "a"}'


def test_one_key_pair_under_two_algorithms_is_saved_and_loaded(directory):
    """Both keys have one id, and each keeps its algorithm."""
    pair = [Key.from_jwk(JWKS["RSA"], kid="rsa", algorithm=name) for name in ("RS256", "PS256")]
    directory.save(KeyRing(pair[0], verifiers=pair[1:]))
    directory.save(directory.load())
    names = {key.algorithm.name: key.kid for key in directory.load()}
    assert names == {"RS256": "rsa", "PS256": "rsa"}


def test_private_files_are_for_their_owner_alone(directory, tmp_path):
    """Private keys and secrets have the mode 0600, the rest 0644, and a new directory 0700."""
    before = os.umask(0)
    try:
        directory.save(full_ring())
    finally:
        os.umask(before)

    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "keys").iterdir()
        if not path.name.startswith(".")
    }
    public = {name for name, mode in modes.items() if mode != 0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert all(modes[name] == 0o644 for name in public)
    assert len(modes) == 7
    assert {name.partition(".")[0] for name in public} == {"ring", "key-partner_1"}


def test_a_rotation_leaves_other_files_alone(directory, tmp_path):
    """Saving again writes new keys, removes old ones, and keeps the files of the others."""
    ring = full_ring()
    directory.save(ring)
    before = names_in(tmp_path / "keys")
    ring.retire("shared")
    ring.publish(Key.generate("EdDSA", kid="later"))
    directory.save(ring)
    after = names_in(tmp_path / "keys")

    (gone,) = set(before) - set(after)
    (new,) = set(after) - set(before)
    assert gone.startswith("key-shared.")
    assert new.startswith("key-later.")
    assert facts_of(directory.load()) == facts_of(ring)


def test_saving_twice_changes_nothing(directory, tmp_path):
    """The same ring is saved as the same files with the same content."""
    directory.save(full := full_ring())
    before = {path: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    directory.save(full)

    assert {path: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == before


def test_nothing_private_is_in_the_manifest(directory, tmp_path):
    """The manifest names keys, and contains no key material."""
    directory.save(full_ring())
    manifest = json.loads((tmp_path / "keys" / "ring.json").read_text())

    assert set(manifest) == {"version", "keys"}
    assert {name for row in manifest["keys"] for name in row} == {
        "kid", "file", "algorithm", "state", "verify_until", "thumbprint"
    }  # fmt: skip
    assert all(row["thumbprint"] is None for row in manifest["keys"] if row["algorithm"][0] == "H")


def test_a_secret_that_only_verifies_stays_so(directory):
    """A secret whose key_ops allow only verifying does not sign after it is loaded."""
    jwk = {**Key.from_secret(SECRET, kid="a").secret_jwk(), "key_ops": ["verify"]}
    directory.save(KeyRing(Key.generate("EdDSA", kid="b"), verifiers=[Key.from_jwk(jwk)]))

    assert [key.can_sign for key in directory.load()] == [True, False]


def test_a_ring_of_a_public_key_is_saved_too(directory):
    """A ring that only verifies is loaded as such a ring."""
    directory.save(KeyRing.from_jwk(Key.generate("ES256").public_jwk()))

    with pytest.raises(SigningKeyError):
        directory.load().active.sign(b"")


class Elsewhere:
    """A signer in another place."""

    key = Key.from_jwk(Key.generate("ES256").public_jwk())

    async def sign(self, message: bytes) -> bytes:
        """Sign a message."""
        return message


@pytest.mark.parametrize(
    ("ring", "fault"),
    [
        pytest.param(KeyRing(Elsewhere()), "has a Signer", id="elsewhere"),
        pytest.param(KeyRing.generate(kid="\ud800"), "cannot be written as JSON", id="surrogate"),
        pytest.param(
            KeyRing(Key.generate(), verifiers=[Key.from_secret(SECRET, kid="\ud800")]),
            "cannot be written as JSON",
            id="surrogate of a secret",
        ),
        pytest.param(KeyRing.generate(kid="x" * 1_100_000), "too many keys", id="large"),
    ],
)
def test_a_ring_that_could_not_be_loaded_is_not_saved(directory, tmp_path, ring, fault):
    """A ring that cannot be stored is refused, and the saved set stays."""
    old = KeyRing.generate()
    directory.save(old)
    before = names_in(tmp_path / "keys")

    with pytest.raises(ConfigurationError, match=fault):
        directory.save(ring)

    assert names_in(tmp_path / "keys") == before
    assert facts_of(directory.load()) == facts_of(old)


def test_a_weak_secret_is_not_saved(directory):
    """A secret that is too short to be loaded is refused when it is saved."""
    with pytest.warns(UserWarning, match="shorter"):
        ring = KeyRing(Key.from_weak_secret("changeme"))

    with pytest.raises(InvalidKeyError, match="at least 32 bytes") as caught:
        directory.save(ring)

    assert "changeme" not in str(caught.value)


def test_a_ring_without_a_time_is_not_saved(directory):
    """A rotation without a time is refused, and the message names the fix."""
    ring = KeyRing.generate()
    ring.rotate(Key.generate(), verify_for=timedelta(days=1))

    with pytest.raises(ConfigurationError, match="now="):
        directory.save(ring)


def test_reloading_changes_the_ring_in_place(directory):
    """A ring takes over the keys that another process has saved, and accepts tokens of the new key."""
    directory.save(KeyRing.generate(kid="old"))
    ring, other = directory.load(), directory.load()
    other.rotate(Key.generate(kid="new"), verify_for=timedelta(days=1), now=NOW)
    directory.save(other)
    directory.reload(ring)

    assert facts_of(ring) == facts_of(other)
    assert CompactJws(ring, max_bytes=2_000).verify(signed({}, key=other.active))


def test_a_ring_with_a_signer_is_not_reloaded(directory):
    """A ring with a Signer would lose it: the ring stays unchanged."""
    directory.save(KeyRing.generate())
    ring = KeyRing(Elsewhere())

    with pytest.raises(ConfigurationError, match="has a Signer"):
        directory.reload(ring)

    assert isinstance(ring.signer, Elsewhere)


def documented_reload():
    """Return the function of docs/key-rotation.md."""
    text = (Path(__file__).parents[2] / "docs" / "key-rotation.md").read_text(encoding="utf-8")
    (block,) = (
        block
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        if "def keep_keys_current" in block
    )
    names = {**globals(), "logging": logging, "signal": signal, "asyncio": asyncio}
    exec(block, names)  # noqa: S102 - our own document
    return names["keep_keys_current"]


async def test_reloading_on_a_signal(tmp_path, caplog):
    """As in docs/key-rotation.md, a service reloads the files on SIGHUP, or keeps its keys if they are invalid."""
    path, loop, reloaded = tmp_path / "keys", asyncio.get_running_loop(), asyncio.Event()

    class WatchedDirectory(KeyDirectory):
        def reload(self, ring):
            try:
                super().reload(ring)
            finally:
                loop.call_soon_threadsafe(reloaded.set)

    directory = WatchedDirectory(path)
    directory.save(KeyRing.generate(kid="old"))
    ring = directory.load()
    task = asyncio.create_task(documented_reload()(directory, ring))
    await asyncio.sleep(0)  # it begins
    try:
        for change, expected in (
            (lambda: directory.save(KeyRing.generate(kid="new")), "new"),
            (lambda: (path / "ring.json").write_text("{"), "new"),
            (lambda: directory.save(KeyRing.generate(kid="newest")), "newest"),
        ):
            change()
            reloaded.clear()
            os.kill(os.getpid(), signal.SIGHUP)
            await reloaded.wait()
            assert ring.active.kid == expected
    finally:
        task.cancel()
        loop.remove_signal_handler(signal.SIGHUP)

    assert [record.name for record in caplog.records if record.levelname == "ERROR"] == ["shop"]


def test_several_writers(directory, tmp_path):
    """Simultaneous saves leave one complete set, and no other files."""
    directory.save(KeyRing.generate(kid="first"))
    faults = []

    def save_often(name):
        try:
            for number in range(20):
                directory.save(KeyRing.generate(kid=f"{name}-{number}"))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test fails
            faults.append(error)

    threads = [threading.Thread(target=save_often, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert directory.load().active.kid in {"a-19", "b-19"}
    assert len(names_in(tmp_path / "keys")) == 2


def test_a_change_waits_for_another_and_loses_nothing(directory):
    """Of two simultaneous rotations, the second one starts with the keys that the first one saved."""
    directory.save(KeyRing.generate("EdDSA", kid="a"))

    def rotate():
        with directory.change() as ring:
            ring.rotate(Key.generate("EdDSA", kid="c"), verify_for=None)

    other = threading.Thread(target=rotate)
    with directory.change() as ring:
        other.start()
        other.join(timeout=0.2)
        ring.rotate(Key.generate("EdDSA", kid="b"), verify_for=None)
    other.join()

    assert [(each.key.kid, each.state) for each in directory.load().entries()] == [
        ("c", "active"), ("b", "verify-only"), ("a", "verify-only"),
    ]  # fmt: skip


def test_a_change_that_fails_saves_nothing(directory):
    """An error in the block leaves the directory unchanged, and releases the lock."""
    directory.save(KeyRing.generate("EdDSA", kid="a"))

    def fail():
        with directory.change() as ring:
            ring.publish(Key.generate("EdDSA", kid="b"))
            ring.retire("c")

    with pytest.raises(ConfigurationError, match="has no key of this id"):
        fail()
    with directory.change() as ring:
        assert [key.kid for key in ring] == ["a"]


def test_a_change_to_a_signer_is_refused(directory):
    """A signer cannot be saved: the saved set stays."""
    directory.save(KeyRing.generate("EdDSA", kid="a"))
    with pytest.raises(ConfigurationError, match="has a Signer"), directory.change() as ring:
        ring.rotate(Elsewhere(), verify_for=None)
    assert directory.load().active.kid == "a"


@pytest.mark.parametrize("left", [[], [".0123456789abcdef.tmp", "key-x.0123456789abcdef.pem"]])
def test_a_change_can_create_a_directory(directory, tmp_path, left):
    """In a directory without keys, `first` is used, even after a crash; later it is ignored."""
    first = Key.generate("EdDSA", kid="a")
    if left:
        (tmp_path / "keys").mkdir()
    for name in left:
        (tmp_path / "keys" / name).touch()
    with directory.change(first=first) as ring:
        assert ring.active is first
    with directory.change(first=Key.generate("EdDSA", kid="b")) as ring:
        assert ring.active.kid == "a"


def test_a_change_needs_a_directory_of_keys(directory, tmp_path):
    """A directory that does not exist, or that contains other files, is refused."""
    with pytest.raises(ConfigurationError, match="is not a directory"), directory.change():
        pass
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "notes.txt").touch()
    with (
        pytest.raises(ConfigurationError, match="holds no keys"),
        directory.change(first=Key.generate()),
    ):
        pass


def test_the_repr_of_a_directory_is_its_path(directory, tmp_path):
    """The repr of a directory is its path; no key is read for it."""
    assert repr(directory) == f"KeyDirectory({str(tmp_path / 'keys')!r})"


def test_expired_keys_are_loaded_with_their_time(directory):
    """An expired key is loaded with its time: the engine removes it."""
    ring = KeyRing.from_entries(
        [KeyEntry(Key.generate(), "active"), KeyEntry(Key.generate(kid="x"), "verify-only", 1.5)]
    )
    directory.save(ring)
    loaded = directory.load()

    assert facts_of(loaded) == facts_of(ring)
    loaded.drop_expired(NOW)
    assert len(loaded) == 1
