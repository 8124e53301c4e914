"""`tokenward keys`: the life of the keys of a directory."""

import json
from datetime import datetime, timedelta
from threading import Thread

import pytest

from tests.cli.support import run
from tokenward import Key, KeyDirectory, KeyRing
from tokenward.settings import TokenwardSettings


def rows(keys_dir, *command: object) -> list[dict[str, object]]:
    """Run a command on a directory, and return the keys that it prints."""
    result = run("keys", *command, "--keys", keys_dir, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["keys"]


def states(keys_dir, *command: object) -> list[str]:
    """Return only the states of the keys."""
    return [row["state"] for row in rows(keys_dir, *command)]


def test_the_first_key_signs_and_the_next_is_pending(tmp_path):
    """A missing directory is created, and only its owner can read the files."""
    path = tmp_path / "new" / "keys"
    assert states(path, "generate") == ["active"]
    assert states(path, "generate", "--algorithm", "ES256", "--kid", "next") == [
        "active",
        "pending",
    ]
    assert [(row["algorithm"], row["private"]) for row in rows(path, "list")] == [
        ("Ed25519", True), ("ES256", True),
    ]  # fmt: skip
    assert {file.stat().st_mode & 0o077 for file in path.glob("*.pem")} == {0}


def test_a_key_goes_through_all_states(keys_dir):
    """A key is pending, active, verify-only, and then removed."""
    token = run("issue", "alice", "--keys", keys_dir).stdout.strip()
    first, second = (row["kid"] for row in rows(keys_dir, "generate"))
    after = rows(keys_dir, "rotate", "--verify-for", "30d")
    assert [(row["kid"], row["state"]) for row in after] == [
        (second, "active"), (first, "verify-only"),
    ]  # fmt: skip
    assert run("inspect", "--keys", keys_dir, stdin=token).stdout.startswith("VALID:")
    after = rows(keys_dir, "rotate", "--verify-for", "0")
    assert second not in {row["kid"] for row in after}
    assert [row["state"] for row in after] == ["active", "verify-only"]


def test_the_old_key_verifies_for_the_given_time(keys_dir):
    """The old key verifies for the given time, whatever the lifetime of its tokens."""
    token = run("issue", "alice", "--keys", keys_dir, "--lifetime", "30d").stdout.strip()
    _, old = rows(keys_dir, "rotate", "--verify-for", "7d")
    until = datetime.fromisoformat(old["verify_until"])
    for moment, is_verified in ((until, True), (until + timedelta(seconds=1), False)):
        at = ("--at", moment.isoformat())
        said = run("inspect", "--keys", keys_dir, "--json", *at, stdin=token).stdout
        assert json.loads(said)["verified"] == is_verified


def test_a_rotation_removes_expired_keys(keys_dir):
    """A rotation removes expired keys, which are not exported even before it."""
    ring = KeyDirectory(keys_dir).load()
    ring.rotate(Key.generate("EdDSA"), verify_for=timedelta(seconds=1), now=1.0)
    KeyDirectory(keys_dir).save(ring)
    assert len(rows(keys_dir, "list")) == 2
    assert len(rows(keys_dir, "export")) == 1
    assert len(rows(keys_dir, "rotate", "--verify-for", "1h")) == 2


def test_a_rotation_without_a_pending_key_generates_one(keys_dir):
    """The new key has the algorithm of the old key, unless another is chosen."""
    assert states(keys_dir, "rotate", "--verify-for", "PT1H") == ["active", "verify-only"]
    after = rows(keys_dir, "rotate", "--verify-for", "0", "--algorithm", "ES384", "--kid", "mine")
    assert (after[0]["algorithm"], after[0]["kid"], len(after)) == ("ES384", "mine", 2)


def test_one_of_several_pending_keys_must_be_chosen(keys_dir):
    """With several pending keys, a rotation without a key id is refused."""
    for kid in ("one", "two"):
        run("keys", "generate", "--keys", keys_dir, "--kid", kid)
    result = run("keys", "rotate", "--keys", keys_dir, "--verify-for", "1d")
    assert (result.exit_code, "--kid" in result.stderr) == (1, True)
    after = rows(keys_dir, "rotate", "--verify-for", "1d", "--kid", "two")
    assert [(row["kid"], row["state"]) for row in after if row["kid"] in {"one", "two"}] == [
        ("two", "active"), ("one", "pending"),
    ]  # fmt: skip


def test_a_rotation_requires_verify_for(keys_dir):
    """A rotation without --verify-for, or with an invalid value, changes nothing."""
    assert run("keys", "rotate", "--keys", keys_dir).exit_code == 2
    assert run("keys", "rotate", "--keys", keys_dir, "--verify-for", "soon").exit_code == 1
    assert states(keys_dir, "list") == ["active"]


def test_secrets_require_a_key_id(tmp_path):
    """A secret without a key id is refused, because a ring of several secrets needs key ids."""
    path = tmp_path / "keys"
    result = run("keys", "generate", "--keys", path, "--algorithm", "HS256")
    assert (result.exit_code, "--kid NAME" in result.stderr) == (1, True)
    assert states(path, "generate", "--algorithm", "HS256", "--kid", "a") == ["active"]


def test_the_export_is_public(keys_dir):
    """The export is public by default, and verifies the tokens of the directory."""
    result = run("keys", "export", "--keys", keys_dir)
    ring = KeyDirectory(keys_dir).load()
    assert json.loads(result.stdout) == ring.public_jwks()
    assert not {"d", "k", "p"} & set(json.loads(result.stdout)["keys"][0])


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256", "HS256"])
def test_private_keys_are_exported_on_request(tmp_path, algorithm):
    """The private export is a key set that can sign, without keys that only verify."""
    path, jwks = tmp_path / "keys", tmp_path / "jwks.json"
    KeyDirectory(path).save(KeyRing(Key.generate(algorithm, kid="a"), verifiers=[_public()]))
    jwks.touch(mode=0o600)
    jwks.write_text(run("keys", "export", "--keys", path, "--private").stdout)
    (key,) = TokenwardSettings(jwks_file=jwks).to_keys()
    assert (key.kid, key.can_sign, key.algorithm.name) == ("a", True, algorithm)
    message = b"message"
    KeyDirectory(path).load().active.verify(message, key.sign(message))


def test_a_list_is_printed_as_text(keys_dir):
    """The list shows state, algorithm, id, end and public-only keys, never key material."""
    ring = KeyDirectory(keys_dir).load()
    KeyDirectory(keys_dir).save(KeyRing(ring.active, verifiers=[_public()]))
    run("keys", "rotate", "--keys", keys_dir, "--verify-for", "30d")
    active, retired, foreign = run("keys", "list", "--keys", keys_dir).stdout.splitlines()
    assert active.startswith("active       Ed25519  ")
    assert retired.endswith(("(in 29 days)", "(in 30 days)"))
    assert foreign.endswith("  public key only")


def test_the_directory_can_come_from_the_environment(keys_dir):
    """The directory comes from the option or a variable; a missing one is a command-line mistake."""
    assert run("keys", "list", TOKENWARD_KEYS_DIR=str(keys_dir)).exit_code == 0
    result = run("keys", "list")
    assert (result.exit_code, "--keys DIR" in result.stderr) == (2, True)


def test_a_broken_directory_stays_unchanged(keys_dir):
    """A directory with unreadable keys is not changed."""
    (keys_dir / "ring.json").write_text("{")
    result = run("keys", "generate", "--keys", keys_dir)
    assert (result.exit_code, result.stdout) == (1, "")
    assert (keys_dir / "ring.json").read_text() == "{"


def test_an_unwritable_directory_is_reported_in_one_line(tmp_path):
    """A file in the place of the directory is reported in one line."""
    (tmp_path / "file").write_text("")
    result = run("keys", "generate", "--keys", tmp_path / "file" / "keys")
    assert result.exit_code == 1
    assert result.stderr.startswith("tokenward: file_unusable: ")


def _public() -> Key:
    return Key.from_jwk(Key.generate("ES256").public_jwk())


def test_a_rotation_waits_for_another_change_of_the_directory(keys_dir):
    """Two concurrent rotations run one after the other, and neither loses the other's key."""
    (first,) = [key.kid for key in KeyDirectory(keys_dir).load()]
    other = Thread(target=run, args=("keys", "rotate", "--keys", keys_dir, "--verify-for", "1d"))
    with KeyDirectory(keys_dir).change() as ring:
        other.start()
        other.join(timeout=0.3)
        ring.rotate(Key.generate("EdDSA", kid="mine"), verify_for=None)
    other.join()

    entries = KeyDirectory(keys_dir).load().entries()
    assert [each.state for each in entries] == ["active", "verify-only", "verify-only"]
    assert {each.key.kid for each in entries[1:]} == {"mine", first}
