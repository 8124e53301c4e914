"""Find the files of Wycheproof: in a folder, in the cache, or on the network."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

COMMIT = "dac1dd4729fd1f8dd9e1e9f3dce51d783da6c166"
FILES = {
    "json_web_signature_test.json": "8e687a06fe8359f4ec51480f1a9f73c8faebd6f4c01b818b843b44eee54fd5d9",
    "json_web_key_test.json": "be983255bce26406f97020ec5458b33930a90d5f868e604fcd569c300aba2862",
    "json_web_crypto_test.json": "dcd58ac9548a7d6173437a691e4cc307dcd3cec9fd814a39cd2a94531cf4f8ce",
}
"""Each file with its SHA-256."""
_URL = f"https://raw.githubusercontent.com/C2SP/wycheproof/{COMMIT}/testvectors_v1"
_CACHE = Path(__file__).parents[2] / "build" / "wycheproof" / COMMIT
_MESSAGE = (
    "The vectors of Wycheproof are not there: git clone https://github.com/C2SP/wycheproof, then "
    f"git -C wycheproof checkout {COMMIT} and "
    "TOKENWARD_TEST_WYCHEPROOF=$PWD/wycheproof/testvectors_v1 pytest tests/wycheproof"
)


def groups_of(name: str) -> list[dict[str, Any]]:
    """Return the groups of a file; without the file, skip the test and say how to get it."""
    folder = os.environ.get("TOKENWARD_TEST_WYCHEPROOF")
    content = _downloaded(name) if folder is None else Path(folder, name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == FILES[name], f"{name} is of another commit"
    groups: list[dict[str, Any]] = json.loads(content)["testGroups"]
    return groups


def _downloaded(name: str) -> bytes:
    cached = _CACHE / name
    if cached.exists():
        return cached.read_bytes()
    try:
        response = httpx.get(f"{_URL}/{name}", timeout=5)
        response.raise_for_status()
    except httpx.HTTPError:
        pytest.skip(_MESSAGE)

    _CACHE.mkdir(parents=True, exist_ok=True)
    # Written in one step, because several processes may download it.
    temporary = cached.with_suffix(f".{os.getpid()}")
    temporary.write_bytes(response.content)
    temporary.replace(cached)
    return response.content
