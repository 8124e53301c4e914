"""`tokenward keys`: a directory of keys from the first to the last."""

import json
from datetime import datetime, timedelta
from threading import Thread

import pytest

from tests.cli.support import run
from tokenward import Key, KeyDirectory, KeyRing
from tokenward.settings import TokenwardSettings


def rows(keys_dir, *command: object) -> list[dict[str, object]]:
    """Run a command on a directory, and give the keys that it shows."""
    result = run("keys", *command, "--keys", keys_dir, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["keys"]


def states(keys_dir, *command: object) -> list[str]:
    """Give their states alone."""
    return [row["state"] for row in rows(keys_dir, *command)]


def test_the_first_key_signs_and_the_next_waits(tmp_path):
    """The directory is made where it is not there, and its files are the owner's alone."""
    path = tmp_path / "new" / "keys"
    assert states(path, "generate") == ["active"]
    assert states(path, "generate", "--algorithm", "ES256", "--kid", "next") == [
        "active",
        "pending",
    ]
    assert [(row["algorithm"], row["private"]) for row in rows(path, "list")] == [
        ("EdDSA", True), ("ES256", True),
    ]  # fmt: skip
    assert {file.stat().st_mode & 0o077 for file in path.glob("*.pem")} == {0}


def test_a_key_goes_through_its_whole_life(keys_dir):
    """Published, signing, verifying until its day, and gone."""
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


def test_the_old_key_verifies_as_long_as_it_was_told(keys_dir):
    """And not a moment longer, however long its tokens live."""
    token = run("issue", "alice", "--keys", keys_dir, "--lifetime", "30d").stdout.strip()
    _, old = rows(keys_dir, "rotate", "--verify-for", "7d")
    until = datetime.fromisoformat(old["verify_until"])
    for moment, is_verified in ((until, True), (until + timedelta(seconds=1), False)):
        at = ("--at", moment.isoformat())
        said = run("inspect", "--keys", keys_dir, "--json", *at, stdin=token).stdout
        assert json.loads(said)["verified"] == is_verified


def test_keys_whose_time_is_over_are_gone_with_the_next_rotation(keys_dir):
    """They are exported no longer even before that."""
    ring = KeyDirectory(keys_dir).load()
    ring.rotate(Key.generate("EdDSA"), verify_for=timedelta(seconds=1), now=1.0)
    KeyDirectory(keys_dir).save(ring)
    assert len(rows(keys_dir, "list")) == 2
    assert len(rows(keys_dir, "export")) == 1
    assert len(rows(keys_dir, "rotate", "--verify-for", "1h")) == 2


def test_rotating_makes_a_new_key_where_none_is_pending(keys_dir):
    """Of the algorithm that signed before, unless another is named."""
    assert states(keys_dir, "rotate", "--verify-for", "PT1H") == ["active", "verify-only"]
    after = rows(keys_dir, "rotate", "--verify-for", "0", "--algorithm", "ES384", "--kid", "mine")
    assert (after[0]["algorithm"], after[0]["kid"], len(after)) == ("ES384", "mine", 2)


def test_of_several_pending_keys_one_must_be_named(keys_dir):
    """Nothing is guessed."""
    for kid in ("one", "two"):
        run("keys", "generate", "--keys", keys_dir, "--kid", kid)
    result = run("keys", "rotate", "--keys", keys_dir, "--verify-for", "1d")
    assert (result.exit_code, "--kid" in result.stderr) == (1, True)
    after = rows(keys_dir, "rotate", "--verify-for", "1d", "--kid", "two")
    assert [(row["kid"], row["state"]) for row in after if row["kid"] in {"one", "two"}] == [
        ("two", "active"), ("one", "pending"),
    ]  # fmt: skip


def test_a_rotation_needs_to_know_for_how_long(keys_dir):
    """There is no default that fits every lifetime, and nothing is changed before it is read."""
    assert run("keys", "rotate", "--keys", keys_dir).exit_code == 2
    assert run("keys", "rotate", "--keys", keys_dir, "--verify-for", "soon").exit_code == 1
    assert states(keys_dir, "list") == ["active"]


def test_secrets_need_an_id(tmp_path):
    """Because others will follow them."""
    path = tmp_path / "keys"
    result = run("keys", "generate", "--keys", path, "--algorithm", "HS256")
    assert (result.exit_code, "--kid NAME" in result.stderr) == (1, True)
    assert states(path, "generate", "--algorithm", "HS256", "--kid", "a") == ["active"]


def test_what_is_exported_is_public(keys_dir):
    """By default; it verifies what the directory has signed."""
    result = run("keys", "export", "--keys", keys_dir)
    ring = KeyDirectory(keys_dir).load()
    assert json.loads(result.stdout) == ring.public_jwks()
    assert not {"d", "k", "p"} & set(json.loads(result.stdout)["keys"][0])


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256", "HS256"])
def test_private_keys_are_exported_when_asked_for(tmp_path, algorithm):
    """As a key set that signs where it is read again; keys without a private half are left out."""
    path, jwks = tmp_path / "keys", tmp_path / "jwks.json"
    KeyDirectory(path).save(KeyRing(Key.generate(algorithm, kid="a"), verifiers=[_public()]))
    jwks.touch(mode=0o600)
    jwks.write_text(run("keys", "export", "--keys", path, "--private").stdout)
    (key,) = TokenwardSettings(jwks_file=jwks).to_keys()
    assert (key.kid, key.can_sign, key.algorithm.name) == ("a", True, algorithm)
    message = b"message"
    KeyDirectory(path).load().active.verify(message, key.sign(message))


def test_a_list_is_read_by_people_too(keys_dir):
    """State, algorithm, id, end, and what cannot sign; nothing of what the keys hold."""
    ring = KeyDirectory(keys_dir).load()
    KeyDirectory(keys_dir).save(KeyRing(ring.active, verifiers=[_public()]))
    run("keys", "rotate", "--keys", keys_dir, "--verify-for", "30d")
    active, retired, foreign = run("keys", "list", "--keys", keys_dir).stdout.splitlines()
    assert active.startswith("active       EdDSA   ")
    assert retired.endswith(("(in 29 days)", "(in 30 days)"))
    assert foreign.endswith("  public key only")


def test_the_directory_can_come_from_the_environment(keys_dir):
    """And where neither names one, that is a mistake in the command line."""
    assert run("keys", "list", TOKENWARD_KEYS_DIR=str(keys_dir)).exit_code == 0
    result = run("keys", "list")
    assert (result.exit_code, "--keys DIR" in result.stderr) == (2, True)


def test_a_directory_that_is_broken_stays_as_it_is(keys_dir):
    """Nothing is written over keys that cannot be read."""
    (keys_dir / "ring.json").write_text("{")
    result = run("keys", "generate", "--keys", keys_dir)
    assert (result.exit_code, result.stdout) == (1, "")
    assert (keys_dir / "ring.json").read_text() == "{"


def test_a_directory_that_cannot_be_written_is_told_in_one_line(tmp_path):
    """A file stands in its place."""
    (tmp_path / "file").write_text("")
    result = run("keys", "generate", "--keys", tmp_path / "file" / "keys")
    assert result.exit_code == 1
    assert result.stderr.startswith("tokenward: file_unusable: ")


def _public() -> Key:
    return Key.from_jwk(Key.generate("ES256").public_jwk())


def test_a_rotation_waits_for_another_change_of_the_directory(keys_dir):
    """Two rotations at once come one after the other: neither loses the key of the other."""
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
