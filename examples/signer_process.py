"""A signer in another process: this one issues tokens, and never holds the private key.

Run it with ``python signer_process.py``. It starts itself a second time as the vault, which makes a
key, prints its public half, and signs what it is sent, one line of base64 a message. A key
management service is used in the same way: only `Vault.sign` would talk to it in its own words.
"""

import asyncio
import base64
import json
import sys
from asyncio.subprocess import PIPE, Process
from typing import Self

from tokenward import Key, KeyRing, MemoryStore, TokenEngine


class Vault:
    """The vault, seen from here: a `tokenward.Signer`."""

    def __init__(self, process: Process, key: Key) -> None:
        """Take the process, and the public key that it told."""
        self._process = process
        self._turn = asyncio.Lock()
        self.key = key

    @classmethod
    async def open(cls) -> Self:
        """Start the vault, and ask it for its public key."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--vault", stdin=PIPE, stdout=PIPE
        )
        return cls(process, Key.from_jwk(json.loads(await _ask(process, b"public key"))))

    async def sign(self, message: bytes) -> bytes:
        """Have a message signed over there."""
        async with self._turn:
            return base64.b64decode(await _ask(self._process, base64.b64encode(message)))

    async def close(self) -> None:
        """Let the vault end."""
        self._process.stdin.close()  # type: ignore[union-attr] # it is piped
        await self._process.wait()


async def _ask(process: Process, line: bytes) -> bytes:
    process.stdin.write(line + b"\n")  # type: ignore[union-attr] # it is piped
    answer = await process.stdout.readline()  # type: ignore[union-attr] # the same
    if not answer:
        msg = "The vault has ended."
        raise ConnectionError(msg)
    return answer


def serve_as_vault() -> None:
    """Hold a private key, and sign what comes in, line by line."""
    key = Key.generate("ES256")
    for line in sys.stdin.buffer:
        asked = line.strip()
        if asked == b"public key":
            answer = json.dumps(key.public_jwk()).encode()
        else:
            answer = base64.b64encode(key.sign(base64.b64decode(asked)))
        sys.stdout.buffer.write(answer + b"\n")
        sys.stdout.buffer.flush()


async def main() -> None:
    """Issue a token that the vault signs, and decode it with the public key."""
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
