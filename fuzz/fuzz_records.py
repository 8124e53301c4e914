"""Stored records: any bytes as the records of a store, a key manifest, or a sealed pair."""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

from redis.crc import key_slot

from fuzz.harness import NOW, fuzz, instrumented

with instrumented(__name__):
    from tokenward.errors import ConfigurationError
    from tokenward.keys.files import KeyFile, key_of
    from tokenward.keys.manifest import parsed_manifest, rendered_manifest
    from tokenward.sessions.sealing import DamagedSealError, open_pair, seal_pair
    from tokenward.stores.recent_uses import RecentUse, mark_of
    from tokenward.stores.redis.records import (
        Keys,
        MismatchedReplyError,
        UnreadableRecordError,
        any_denies,
        life_ms,
        number_text,
        records_of,
    )
    from tokenward.stores.sql.schema import DamagedRowError, packed_use, unpacked_uses
    from tokenward.tokens.pair import TokenPair

_NONCE = b"nonce"
_TOKEN = b"e30.e30.c2lnbmF0dXJlIG9mIHRoZSB0b2tlbg"
_DENIES = number_text(NOW + 60).encode() + b" " + number_text(math.inf).encode()


def check(data: bytes) -> None:
    """Read the data as each kind of record."""
    _read_reply(data)
    _read_manifest(data)
    _open_seal(data)
    _name_keys(data)
    _unpack_uses(data)


def _read_reply(data: bytes) -> None:
    lines = [line or None for line in data.split(b"\n")]
    reply: list[object] = [_NONCE, *lines]
    records = records_of(reply, _NONCE, len(lines))
    assert list(records) == lines

    for issued_at in (None, NOW):
        # One denial is enough, whatever else is stored beside it.
        assert any_denies([*records, _DENIES], issued_at, NOW), "A denial is ignored."
        try:
            is_denied = any_denies(records, issued_at, NOW)
        except UnreadableRecordError:
            continue
        are_readable = all(line is None or len(line.split()) == 2 for line in lines)
        assert is_denied or are_readable, "An unreadable record counts as none."

    try:
        records_of(reply, data, len(lines))
    except MismatchedReplyError:
        return
    assert data == _NONCE, "The reply to another call is accepted."


def _read_manifest(data: bytes) -> None:
    try:
        rows = parsed_manifest(KeyFile(Path("ring.json"), data))
    except ConfigurationError:
        pass
    else:
        assert all("/" not in row.file and row.file[0] != "." for row in rows)
        assert parsed_manifest(KeyFile(Path("ring.json"), rendered_manifest([*rows]))) == rows
    with contextlib.suppress(ConfigurationError):
        key_of(KeyFile(Path("key.jwk.json"), data))


def _open_seal(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    pair = TokenPair(text, text[::-1], len(data), scope=text, csrf_token=text)
    sealed = seal_pair(_TOKEN, pair)
    assert open_pair(_TOKEN, sealed) == pair, "A sealed pair has changed."
    for damaged in (data, sealed[:-1], sealed + data[:1] + b"x"):
        try:
            opened = open_pair(_TOKEN, damaged)
        except DamagedSealError:
            continue
        assert opened is None, "A damaged seal is opened."


def _name_keys(data: bytes) -> None:
    keys, text = Keys(b"shop:"), data.decode("utf-8", "surrogateescape")
    uses = keys.of_uses(text)
    names = {keys.of(kind, text) for kind in ("token", "session", "subject", "consumed")}
    names |= {*uses, keys.retention}
    assert len(names) == 7, "Two records have the same key."
    assert max(map(len, names)) < 600
    assert len({key_slot(each) for each in uses}) == 1, "A use has keys of two slots."
    assert 0 <= life_ms(NOW + len(data), NOW) <= 10**15


def _unpack_uses(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    try:
        uses = unpacked_uses(text)
    except DamagedRowError:
        return
    unpacked = "".join(map(packed_use, uses))
    assert unpacked_uses(unpacked)[0].token == uses[0].token
    assert len(unpacked) == len(text), "A damaged row is read."


def seeds() -> Iterator[bytes]:
    """Return records as a RedisStore writes them, a manifest, and a JWK."""
    yield _DENIES
    yield b"\n" + _DENIES + b"\n1 2"
    yield packed_use(RecentUse(mark_of("token"), NOW)).encode()
    yield b"nan nan\n1e999 -inf\n1_0 2\n"
    yield (
        b'{"version":1,"keys":[{"kid":"a","file":"a.pem","algorithm":"EdDSA","state":"active",'
        b'"verify_until":null,"thumbprint":null},{"kid":null,"file":"b.jwk.json","algorithm":"HS256",'
        b'"state":"verify-only","verify_until":1e9}]}'
    )
    yield b'{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhlIGZ1enogdGFyZ2V0cywgMzIrIGJ5dGVz","kid":"a"}'


if __name__ == "__main__":
    fuzz(check)
