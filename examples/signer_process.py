"""A signer in another process: this process issues tokens and never holds the private key.

Run it with ``python signer_process.py``. It starts a second process as the vault, which generates a
key, prints the public key, and signs messages, each sent as one line of base64. For a key management
service, only `Vault.sign` would be different.
"""

import asyncio
import base64
import json
import sys
from asyncio.subprocess import PIPE, Process
from typing import Self

from tokenward import Key, KeyRing, MemoryStore, TokenEngine


class Vault:
    """The client of the vault: a `tokenward.Signer`."""

    def __init__(self, process: Process, key: Key) -> None:
        """Store the process of the vault and its public key."""
        self._process = process
        self._lock = asyncio.Lock()
        self.key = key

    @classmethod
    async def open(cls) -> Self:
        """Start the vault and request its public key."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--vault", stdin=PIPE, stdout=PIPE
        )
        return cls(process, Key.from_jwk(json.loads(await _ask(process, b"public key"))))

    async def sign(self, message: bytes) -> bytes:
        """Return the signature that the vault makes of a message."""
        async with self._lock:
            return base64.b64decode(await _ask(self._process, base64.b64encode(message)))

    async def close(self) -> None:
        """Stop the vault."""
        self._process.stdin.close()  # type: ignore[union-attr] # it is piped
        await self._process.wait()


async def _ask(process: Process, line: bytes) -> bytes:
    process.stdin.write(line + b"\n")  # type: ignore[union-attr] # it is piped
    answer = await process.stdout.readline()  # type: ignore[union-attr] # the same
    if not answer:
        msg = "The vault has stopped."
        raise ConnectionError(msg)
    return answer


def serve_as_vault() -> None:
    """Generate a private key and sign each line of the input with it."""
    key = Key.generate("ES256")
    for line in sys.stdin.buffer:
        request = line.strip()
        if request == b"public key":
            answer = json.dumps(key.public_jwk()).encode()
        else:
            answer = base64.b64encode(key.sign(base64.b64decode(request)))
        sys.stdout.buffer.write(answer + b"\n")
        sys.stdout.buffer.flush()


async def main() -> None:
    """Issue a token that the vault signs, then decode it with the public key."""
    vault = await Vault.open()
    try:
        engine = TokenEngine(KeyRing(vault), store=MemoryStore())
        token = await engine.issue("alice")
        claims = await engine.decode(token)
        print(f"{claims.sub}, signed with {vault.key.algorithm.name} in another process")
        print("can this process sign?", "yes" if vault.key.can_sign else "no")
    finally:
        await vault.close()


if __name__ == "__main__":
    if "--vault" in sys.argv:
        serve_as_vault()
    else:
        asyncio.run(main())
