"""The programs of the pages about keys."""

import json
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.docs.frameworks import assumed_by_programs
from tests.docs.pages import block_with, names_of, run
from tests.support import SECRET
from tokenward import Key, KeyDirectory, KeyRing, RemoteKeySet, TokenEngine
from tokenward.testing.adapters.service import client_of


@pytest.fixture
def pem_file(tmp_path, monkeypatch):
    """Write an encrypted private key into the current directory, and return it."""
    key = ec.generate_private_key(ec.SECP256R1())
    encryption = serialization.BestAvailableEncryption(b"...")
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (tmp_path / "key.pem").write_bytes(key.private_bytes(encoding, form, encryption))
    monkeypatch.chdir(tmp_path)
    return key


@pytest.fixture
async def names(pem_file, monkeypatch):
    """Run the first program of the page, which makes a ring of each source of keys."""
    monkeypatch.setenv("TOKENWARD_SECRET", SECRET)
    return await names_of("keys.md", text=json.dumps(Key.generate("ES256").public_jwk()))


async def test_the_key_directory(names, tmp_path):
    """A ring is saved, loaded, and changed as one step."""
    block = block_with("keys.md", "directory.change()").replace(
        "/etc/shop/keys", f"{tmp_path}/keys"
    )
    new_key = Key.generate("EdDSA")
    await run(block, {**names, "new_key": new_key})
    assert KeyDirectory(tmp_path / "keys").load().active.kid == new_key.kid


async def test_the_encoded_secret(names):
    """The ring has the decoded secret."""
    text = b64encode(SECRET.encode()).decode()
    found = await run(block_with("keys.md", 'encoding="base64")'), {**names, "secret": text})
    signature = Key.from_secret(SECRET).sign(b"message")
    found["ring"].active.verify(b"message", signature)


async def test_the_key_set_in_a_file(tmp_path, capsys):
    """The ring verifies with the usable keys, and the skipped ones are printed."""
    usable, other = Key.generate().public_jwk(), {"kty": "AKP", "kid": "new"}
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [usable, other]}))
    block = block_with("remote-keys.md", "KeyRing.from_jwk_set").replace(
        "issuer-keys.json", str(file)
    )
    found = await run(block, {})
    assert found["ring"].public_jwks()["keys"] == [usable]
    assert capsys.readouterr().out.startswith("1 new ")


async def test_the_certificates(tmp_path):
    """A map of PEM texts becomes a ring that verifies."""
    pem = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    file = tmp_path / "certificates.json"
    file.write_text(json.dumps({"2026-11": pem.decode()}))
    block = block_with("remote-keys.md", "from_pem_map").replace("certificates.json", str(file))
    found = await run(block, {})
    assert found["ring"].find(kid="2026-11", algorithm="ES256")


async def test_the_inner_address():
    """The key set with an inner address can be built."""
    found = await run(block_with("remote-keys.md", 'plain_http_hosts=["keycloak"],'), {})
    assert isinstance(found["inner_keys"], RemoteKeySet)


async def test_the_remote_keys():
    """The key set of an issuer can be built, and nothing is fetched before the first token."""
    block = block_with("remote-keys.md", 'keys = RemoteKeySet.from_issuer("https://login.example/"')
    assert isinstance((await run(block, {}))["keys"], RemoteKeySet)


async def test_the_signer(names):
    """The ring signs with what it is given, and rotates to it."""
    found = await run(
        block_with("keys.md", "KeyRing(vault)"),
        {**names, "vault": Key.generate(kid="new"), "ring": KeyRing.generate()},
    )
    assert found["ring"].active.kid == "new"
    assert await found["engine"].issue("alice")


async def test_the_published_keys():
    """The app serves the public keys of the ring."""
    given = {
        **await names_of("key-rotation.md"),
        **assumed_by_programs("fastapi", TokenEngine(KeyRing.generate())),
    }
    ring = given["ring"] = KeyRing.generate()
    await run(block_with("key-rotation.md", "auth.publish_keys("), given)
    async with client_of(given["app"]) as client:
        answer = await client.get("/.well-known/jwks.json")
    assert answer.json() == ring.public_jwks()
