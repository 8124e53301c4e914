"""The parts of a hostile request."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class HostileRequest:
    """A request or a handshake."""

    path: str
    method: str
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    query: bytes = b""
    is_socket: bool = False
    extensions: Mapping[str, object] = field(default_factory=dict)
