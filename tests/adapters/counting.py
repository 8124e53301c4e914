"""Count the work of one request: signatures, parses, claims, keys and threads.

Additional calls of a parser, or started threads, could not be seen through injected objects. So
while a request runs, every call in the process is recorded by its full name: of functions in
Python and in C. Calls between requests are not recorded, so the client and the test do not count.
"""

import re
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import cache
from types import FrameType, ModuleType
from typing import Any, Final

from pydantic import Field

from tests.support import ShopClaims
from tokenward import Key, KeyRing, TokenEngine, TokenPolicy
from tokenward.testing import FrozenClock
from tokenward.testing.adapters.service import AUDIENCE, ISSUER, PatchyStore

__all__ = ["CountedApp", "CountedClaims", "Work", "counted_engine"]

_RSA_KEYED: Final = r"load_(pem|der|ssh)_\w+|\w*Numbers\.(public|private)_key|from_\w+_bytes"
_HMAC_KEYED: Final = r"_hashlib\.hmac_(new|digest)|tokenward\._algorithms\.\w+\.keyed"
_KEYED: Final = r"tokenward\.keys\.Key\.__init__|jwt\.algorithms\.\w+\.(prepare_key|from_jwk)"
_HOPPED: Final = (
    r"threading\.Thread\.start|_thread\.start_\w+|anyio\.to_thread\.run_sync"
    r"|asyncio\.base_events\.\w+\.run_in_executor|concurrent\.futures\.\w+\.\w+\.submit"
)
_WATCHED: Final = {
    "signature": r"cryptography\..*\.(\w+PublicKey\.verify|HMAC\.(verify|finalize))",
    # A prepared HMAC is copied before it is used. An HMAC that is not a copy was created just now.
    "fed": r"cryptography\..*\.HMAC\.update",
    "copied": r"cryptography\..*\.HMAC\.copy",
    "parse": (
        r"json\.decoder\.JSONDecoder\.raw_decode|msgspec\..*decode|orjson\.loads"
        r"|pydantic_core\..*\.(validate_json|from_json)"
    ),
    "claims": r"tests\.adapters\.counting\._note",
    "key": rf"{_KEYED}|{_HMAC_KEYED}|.*\.({_RSA_KEYED})",
    "hop": _HOPPED,
}

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def _note() -> bool:
    """Do nothing: the call itself is recorded."""
    return True


class CountedClaims(ShopClaims):
    """Claims whose validation is recorded, without a validator, which would cost another pass."""

    noted: bool = Field(default_factory=_note, exclude=True)


@dataclass(frozen=True, kw_only=True)
class Work:
    """The counted work of a request."""

    signatures: int = 0
    """How often a signature or a code was checked, by whatever key."""
    parses: int = 0
    """How many JSON texts were parsed, by whatever parser."""
    claims: int = 0
    """How many objects of `CountedClaims` were validated."""
    keys: tuple[str, ...] = ()
    """What prepared a key."""
    hops: tuple[str, ...] = ()
    """What handed work to a thread."""


class CountedApp:
    """An ASGI app that counts the work of each of its requests and handshakes."""

    def __init__(self, app: Any) -> None:
        """Store the app."""
        self.work: list[Work] = []
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Run the app and count its work."""
        calls: Counter[tuple[str, str]] = Counter()

        def look(frame: FrameType, event: str, function: Any) -> None:
            if event not in {"call", "c_call"}:
                return
            name = _name_of_code(frame) if event == "call" else _name_of_builtin(function)
            group = _group_of(name)
            if group is not None:
                calls[group, name] += 1

        before, of_threads = sys.getprofile(), threading.getprofile()
        threading.setprofile(look)
        sys.setprofile(look)
        try:
            await self._app(scope, receive, send)
        finally:
            sys.setprofile(before)
            threading.setprofile(of_threads)
        self.work.append(_work_of(calls))


def counted_engine(clock: FrozenClock, key: Key, **policy: int) -> TokenEngine[ShopClaims]:
    """Build the contract's engine with a key and counted claims."""
    return TokenEngine(
        KeyRing(key),
        policy=TokenPolicy(issuer=ISSUER, audience=AUDIENCE, **policy),  # type: ignore[arg-type] # of the memory
        claims_model=CountedClaims,
        store=PatchyStore(),
        clock=clock,
    )


def _name_of_code(frame: FrameType) -> str:
    return f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"


def _name_of_builtin(function: Any) -> str:
    owner = getattr(function, "__self__", None)
    kind = type(owner)
    place = (
        owner.__name__
        if isinstance(owner, ModuleType)
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    return f"{place}.{function.__name__}"


@cache
def _group_of(name: str) -> str | None:
    return next((each for each in _WATCHED if re.fullmatch(_WATCHED[each], name)), None)


def _work_of(calls: Counter[tuple[str, str]]) -> Work:
    def names(wanted: str) -> tuple[str, ...]:
        return tuple(name for group, name in calls.elements() if group == wanted)

    keyed_now = len(names("fed")) - len(names("copied"))
    return Work(
        signatures=len(names("signature")),
        parses=len(names("parse")),
        claims=len(names("claims")),
        keys=(*names("key"), *["an HMAC that was no copy"] * keyed_now),
        hops=names("hop"),
    )
