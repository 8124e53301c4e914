"""Asks the introspection endpoint about tokens (RFC 7662 §2): each token once at a time."""

import asyncio
import contextvars
from datetime import timedelta
from threading import Lock
from typing import Final, Self
from urllib.parse import urlencode

from tokenward.engine.introspection.answer_cache import AnswerCache, name_of
from tokenward.engine.introspection.answers import MAX_BYTES, Answer, JsonAnswers, JwtAnswers
from tokenward.engine.introspection.options import IntrospectionOptions, authorization_of
from tokenward.errors import StoreUnavailableError
from tokenward.jose.key_source import KeySource
from tokenward.keys.fetching import Fetcher, checked_url
from tokenward.keys.outages import reason_of
from tokenward.keys.remote_options import checked_hosts, checked_seconds
from tokenward.policy import TokenPolicy
from tokenward.sessions.outages import OutageLog

__all__ = ["Introspector"]

_ACTIVE_FOR: Final = timedelta(seconds=30)
_INACTIVE_FOR: Final = timedelta(seconds=5)
_TIMEOUT: Final = timedelta(seconds=5)
_FORM: Final = "application/x-www-form-urlencoded"
_UNUSABLE: Final = (
    "The introspection endpoint cannot be used: %s Tokens without a known answer are refused with 503. "
    "This is logged once a minute for each cause."
)


class Introspector:
    """One endpoint, its last answers, and the requests that are on their way."""

    def __init__(self, url: str, policy: TokenPolicy, options: IntrospectionOptions) -> None:
        """Check the options; nothing is sent.

        Args:
            url: the endpoint.
            policy: limits the caches.
            options: see `IntrospectedTokens`.

        Raises:
            ConfigurationError: httpx is not installed, or an argument is invalid.
        """
        hosts = checked_hosts(options.get("plain_http_hosts", ()))
        self._url = checked_url(url, "url", plain_http_hosts=hosts)
        self._authorization = authorization_of(options)
        self._fetcher = Fetcher(options.get("client"), max_bytes=MAX_BYTES)
        self._timeout = checked_seconds(options.get("timeout", _TIMEOUT), "timeout")
        signed = options.get("signed")
        self.key_sources: tuple[KeySource, ...] = () if signed is None else (signed.keys,)
        """The keys of signed answers."""
        self._reader = (
            JsonAnswers() if signed is None else JwtAnswers(signed, policy.leeway.total_seconds())
        )
        # Two caches, so that strangers with invented tokens do not remove the answers about others.
        active_for = options.get("active_for", _ACTIVE_FOR)
        inactive_for = options.get("inactive_for", _INACTIVE_FOR)
        self._active, self._inactive = (
            AnswerCache(
                seconds=checked_seconds(lifetime, name, may_be_zero=True),
                max_entries=policy.signature_cache_entries,
                max_bytes=policy.signature_cache_bytes,
            )
            for name, lifetime in (("active_for", active_for), ("inactive_for", inactive_for))
        )
        self._outages = OutageLog(_UNUSABLE)
        self._tasks: dict[asyncio.AbstractEventLoop, dict[bytes, asyncio.Task[Answer | None]]] = {}
        self._lock = Lock()

    def __deepcopy__(self, memo: object) -> Self:
        """Return the object itself: what the endpoint says is the same for every engine."""
        return self

    async def ask(self, token: str, now: float) -> Answer:
        """Return the answer about a token: the last one, or a new one.

        All waiting requests for one token share one request to the endpoint, and none of them can
        cancel it for the others.

        Args:
            token: the token.
            now: the time, in seconds since 1970.

        Raises:
            StoreUnavailableError: the endpoint did not answer in time, or not as it must.
        """
        name = name_of(token)
        known = self._inactive.get(name, now) or self._active.get(name, now)
        if known is not None:
            return known

        task = self._task_for(name, token, now)
        await asyncio.wait((task,))
        answer = None if task.cancelled() else task.result()
        if answer is None:
            raise StoreUnavailableError
        return answer

    async def aclose(self) -> None:
        """Cancel the requests of this event loop. The client that you passed is not closed."""
        tasks = [*self._tasks.get(asyncio.get_running_loop(), {}).values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _task_for(self, name: bytes, token: str, now: float) -> asyncio.Task[Answer | None]:
        loop = asyncio.get_running_loop()
        with self._lock:
            if loop not in self._tasks:
                self._tasks = {each: of for each, of in self._tasks.items() if not each.is_closed()}
                self._tasks[loop] = {}
            tasks = self._tasks[loop]
        if name not in tasks:
            # An empty context, so that the task does not keep the request that starts it alive.
            task = loop.create_task(self._fetch(name, token, now), context=contextvars.Context())
            tasks[name] = task
            task.add_done_callback(lambda _: tasks.pop(name))
        return tasks[name]

    async def _fetch(self, name: bytes, token: str, now: float) -> Answer | None:
        """Return a new answer; None: there is none, for whichever reason."""
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._request(token, now)
        except Exception as exc:  # noqa: BLE001 - httpx raises many kinds of errors
            self._outages.note(reason_of(exc), now)
            return None

        (self._inactive if answer.payload is None else self._active).add(name, answer, now)
        return answer

    async def _request(self, token: str, now: float) -> Answer:
        headers = {"Accept": self._reader.media_type, "Content-Type": _FORM}
        authorization = await self._authorization()
        if authorization is not None:
            headers["Authorization"] = authorization
        form = urlencode({"token": token, "token_type_hint": "access_token"})
        document = await self._fetcher.post(self._url, headers, form.encode())
        return await self._reader.read(document, now)
