"""A crash of `save` at each of its steps; and directories without a manifest.

A save writes hidden files and renames each, then does the same with the manifest, then removes files
that the new manifest does not name. The tests make each state in between from the sets before and after.
"""

import json
import re
import shutil
import subprocess
import sys
from datetime import timedelta

import pytest

from tests.core.test_keydir import facts_of, names_in
from tests.support import NOW, SECRET
from tokenward import ConfigurationError, Key, KeyDirectory, KeyRing

TEMPORARY = ".0123456789abcdef.tmp"


@pytest.fixture
def sets(tmp_path):
    """Return the directories before and after a rotation, and their rings."""
    old = KeyRing(Key.generate(kid="a"), verifiers=[Key.from_secret(SECRET, kid="shared")])
    KeyDirectory(tmp_path / "old").save(old)
    new = KeyDirectory(tmp_path / "old").load()
    new.retire("shared")
    new.rotate(Key.generate(kid="b"), verify_for=timedelta(days=1), now=NOW)
    new.publish(Key.generate(kid="c"))
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    KeyDirectory(tmp_path / "new").save(new)
    return tmp_path / "old", tmp_path / "new", old, new


def states(old, new):
    """Return the files of each state in between, in the order of the steps; the manifest is last."""
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    after = {path.name: path.read_bytes() for path in new.iterdir()}
    state = dict(before)
    yield "nothing", dict(state), "old"
    for name in [each for each in after if each not in before]:
        yield f"half of {name}", {**state, TEMPORARY: after[name][:20]}, "old"
        yield f"all of {name}", {**state, TEMPORARY: after[name]}, "old"
        state[name] = after[name]
        yield f"named {name}", dict(state), "old"
    yield "half a manifest", {**state, TEMPORARY: after["ring.json"][:99]}, "old"
    state["ring.json"] = after["ring.json"]
    yield "the manifest", dict(state), "new"
    for name in [each for each in before if each not in after]:
        del state[name]
        yield f"without {name}", dict(state), "new"


def make(path, files):
    """Make a directory of files that only the owner can read."""
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content)
        (path / name).chmod(0o600)


def test_a_crash_leaves_the_old_set_or_the_new(sets, tmp_path):
    """At each step, the old ring is loaded, or after the manifest is written, the new one."""
    old, new, old_ring, new_ring = sets
    expected = {"old": facts_of(old_ring), "new": facts_of(new_ring)}
    found = list(states(old, new))
    for number, (step, files, which) in enumerate(found):
        make(tmp_path / f"state{number}", files)
        ring = KeyDirectory(tmp_path / f"state{number}").load()
        assert facts_of(ring) == expected[which], step

    assert len(found) == 10


def test_the_next_save_removes_the_leftovers_of_a_crash(sets, tmp_path):
    """The next save removes all leftovers, above all private keys."""
    old, new, _, new_ring = sets
    for number, (step, files, _) in enumerate(states(old, new)):
        path = tmp_path / f"state{number}"
        make(path, files)
        KeyDirectory(path).save(new_ring)
        assert facts_of(KeyDirectory(path).load()) == facts_of(new_ring), step
        assert len(names_in(path)) == 4, step
        assert not (path / TEMPORARY).exists(), step


def test_a_crash_of_the_first_save_leaves_no_ring(sets, tmp_path):
    """Files of `save` without a manifest are not loaded as a ring, not even as a smaller one."""
    files = {path.name: path.read_bytes() for path in sets[1].glob("key-*")}
    make(tmp_path / "first", files)

    with pytest.raises(ConfigurationError, match="holds no keys"):
        KeyDirectory(tmp_path / "first").load()


def test_plain_files_are_the_ring_until_the_first_save_has_ended(tmp_path):
    """Until the manifest is written, the plain files are the ring; the files of `save` are ignored."""
    pem = Key.generate().private_pem()
    make(
        tmp_path / "plain", {"mine.pem": pem, f"key-b.{'0' * 16}.pem": Key.generate().private_pem()}
    )

    assert KeyDirectory(tmp_path / "plain").load().active.private_pem() == pem


def test_a_killed_process_leaves_a_whole_set(tmp_path):
    """A process that is killed while it saves repeatedly leaves a set that can be loaded."""
    script = (
        "import sys; from tokenward import *\n"
        "directory = KeyDirectory(sys.argv[1])\n"
        "while True:\n"
        "    directory.save(KeyRing(Key.generate(), verifiers=[Key.generate()]))\n"
        "    print(flush=True)\n"
    )
    for round_ in range(3):
        with subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, "-c", script, str(tmp_path / "keys")], stdout=subprocess.PIPE
        ) as process:
            for _ in range(3 + round_):
                assert process.stdout.readline()
            process.kill()
        assert len(KeyDirectory(tmp_path / "keys").load()) == 2

    KeyDirectory(tmp_path / "keys").save(KeyRing.generate())
    assert len(names_in(tmp_path / "keys")) == 2
    assert not list((tmp_path / "keys").glob(".*.tmp"))


def plain(path, files):
    """Make a directory of plain key files."""
    rendered = {
        name: content if isinstance(content, bytes) else json.dumps(content).encode()
        for name, content in files.items()
    }
    make(path, rendered)
    return KeyDirectory(path)


ONE, TWO, THREE = (Key.generate("ES256") for _ in range(3))


def test_plain_files_make_a_ring(tmp_path):
    """Without a manifest the only private key is active, and the others verify; the rest is ignored."""
    directory = plain(
        tmp_path / "plain",
        {
            "a.jwk.json": TWO.public_jwk(),
            "b.pem": ONE.private_pem(),
            "c.jwk.json": THREE.public_jwk(),
            "README.txt": b"ours",
            ".hidden.pem": TWO.private_pem(),
        },
    )

    assert facts_of(directory.load()) == [
        (ONE.kid, "ES256", True, "active", None),
        (TWO.kid, "ES256", False, "verify-only", None),
        (THREE.kid, "ES256", False, "verify-only", None),
    ]


def test_a_plain_secret_makes_a_ring(tmp_path):
    """A secret signs, so it is the active key if all other keys are public."""
    secret = Key.from_secret(SECRET, kid="s").secret_jwk()
    directory = plain(tmp_path / "plain", {"a.jwk.json": ONE.public_jwk(), "s.jwk.json": secret})

    assert directory.load().active.kid == "s"


def test_plain_public_files_make_a_ring_that_verifies(tmp_path):
    """If all keys are public, the ring verifies with each of them and cannot sign."""
    directory = plain(
        tmp_path / "plain", {"b.jwk.json": ONE.public_jwk(), "a.jwk.json": TWO.public_jwk()}
    )

    assert [(key.kid, key.can_sign) for key in directory.load()] == [
        (TWO.kid, False),
        (ONE.kid, False),
    ]


def test_several_private_plain_files_are_refused(tmp_path):
    """It is unclear which of them signs: the message names them and the fix."""
    directory = plain(tmp_path / "plain", {"a.pem": ONE.private_pem(), "b.pem": TWO.private_pem()})

    with pytest.raises(ConfigurationError, match=re.escape("'a.pem', 'b.pem'): keep one")):
        directory.load()


def test_both_halves_of_a_key_are_refused(tmp_path):
    """A private key and its public half are the same key; the message names both files."""
    directory = plain(
        tmp_path / "plain", {"a.jwk.json": ONE.public_jwk(), "b.pem": ONE.private_pem()}
    )

    with pytest.raises(ConfigurationError, match=r"'a.jwk.json' and 'b.pem'.*remove one"):
        directory.load()


def test_two_secrets_without_ids_are_refused(tmp_path):
    """Secrets without ids cannot be distinguished; the error is that of the ring."""
    one, two = Key.from_secret(SECRET).secret_jwk(), Key.from_secret(SECRET * 2).secret_jwk()
    directory = plain(
        tmp_path / "plain",
        {"a.jwk.json": {**one, "key_ops": ["verify"]}, "b.jwk.json": two},
    )

    with pytest.raises(ConfigurationError, match="give each its kid="):
        directory.load()


def test_saving_over_plain_files_keeps_identical_ones(tmp_path):
    """A plain file that is identical to one of `save` stays in use; the others are not changed."""
    directory = plain(
        tmp_path / "plain",
        {"b.pem": ONE.private_pem(), "a.jwk.json": TWO.public_jwk(), "bad.pem": b"", "x.txt": b""},
    )
    (tmp_path / "plain" / "bad.pem").unlink()
    ring = directory.load()
    (tmp_path / "plain" / "bad.pem").write_bytes(b"")
    directory.save(ring)

    names = names_in(tmp_path / "plain")
    assert {"b.pem", "bad.pem", "ring.json", "x.txt"} <= set(names)
    assert facts_of(directory.load()) == facts_of(ring)
    ring.rotate(Key.generate(kid="next"), verify_for=timedelta(0), now=NOW)
    directory.save(ring)
    assert "b.pem" not in names_in(tmp_path / "plain")
    assert {"bad.pem", "x.txt"} <= set(names_in(tmp_path / "plain"))
