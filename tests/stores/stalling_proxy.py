"""A proxy in front of a server that can stop to forward, as a network or a server that hangs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import make_url


class StallingProxy:
    """Forwards connections while `flows` is set, those for a cancellation as well."""

    def __init__(self, url: str) -> None:
        """Take the URL of the server."""
        self._target = make_url(url)
        self.flows = asyncio.Event()
        self.flows.set()
        self.url = url
        self._tasks: set[asyncio.Task[None]] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = [writer]
        try:
            await self.flows.wait()
            host, port = self._target.host or "127.0.0.1", self._target.port or 5432
            other_reader, other_writer = await asyncio.open_connection(host, port)
            writers.append(other_writer)
            await asyncio.gather(
                self._forward(reader, other_writer), self._forward(other_reader, writer)
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for each in writers:
                each.transport.abort()
            await asyncio.gather(*(each.wait_closed() for each in writers), return_exceptions=True)
            self._tasks.discard(task)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            await self.flows.wait()
            writer.write(data)
            await writer.drain()
        # Also ends the other direction.
        raise ConnectionResetError

    @asynccontextmanager
    async def running(self) -> AsyncIterator["StallingProxy"]:
        """Listen on a free port, which is then that of `url`."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.url = self._target.set(host="127.0.0.1", port=port).render_as_string(
            hide_password=False
        )
        yield self
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
