"""What a type checker must see of keys: mypy and pyright check it, and it is never run."""

import json
from datetime import timedelta
from pathlib import Path
from typing import assert_type

from pydantic import JsonValue

from tokenward import Key, KeyRing, RemoteKeySet, TokenEngine
from tokenward.keys import CombinedKeys, KeySource, RemoteKeySetOptions, SkippedKey

file = Path("keys.json")
parsed: dict[str, JsonValue] = json.loads(file.read_text())
pems: dict[str, str] = json.loads(file.read_text())


class ShopRing(KeyRing):
    """A subclass of the user's own."""


assert_type(KeyRing.from_jwk_set(file.read_bytes()), KeyRing)
assert_type(KeyRing.from_jwk_set(file.read_text(), algorithms=["ES256"]), KeyRing)
assert_type(ShopRing.from_jwk_set(parsed), ShopRing)
KeyRing.from_jwk_set({"keys": [KeyRing.generate().active.public_jwk()]})
KeyRing.from_jwk_set([parsed])  # type: ignore[arg-type]

assert_type(ShopRing.from_pem_map(pems, algorithm="RS256"), ShopRing)
KeyRing.from_pem_map({"2026-11": file.read_bytes()})
KeyRing.from_pem_map("certificate")  # type: ignore[arg-type]

assert_type(Key.from_secret("secret", encoding="base64"), Key)
assert_type(KeyRing.from_secret(b"secret", encoding=None), KeyRing)
KeyRing.from_secret("secret", encoding="hex")  # type: ignore[arg-type]

options: RemoteKeySetOptions = {"algorithms": ["RS256"], "cooldown": timedelta(minutes=1)}
remote = RemoteKeySet.from_issuer(
    "https://login.example/realms/shop",
    url="http://keycloak:8080/realms/shop",
    plain_http_hosts={"keycloak"},
)
assert_type(remote, RemoteKeySet)
RemoteKeySet.from_issuer("https://login.example", **options)
RemoteKeySet.from_issuer("https://login.example", lifetime=600)  # type: ignore[arg-type]
RemoteKeySet("https://login.example", "https://other.example")  # type: ignore[call-arg]

ring = KeyRing.from_jwk_set(parsed)
combined = CombinedKeys(ring, remote)
source: KeySource = combined
TokenEngine(combined)
CombinedKeys(ring)  # type: ignore[call-arg]
for keys in (ring, remote):
    assert_type(keys.skipped_keys, tuple[SkippedKey, ...])
position, kid, reason = remote.skipped_keys[0]
assert_type(position, int)
assert_type(kid, str | None)
assert_type(reason, str)
assert_type(combined.find(kid=None, algorithm="ES256"), Key)


async def close() -> None:
    """Close the keys at the end."""
    async with remote as opened:
        assert_type(opened, RemoteKeySet)
