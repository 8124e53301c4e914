"""Files that hold keys: read with suspicion, written whole or not at all.

What is said of a file is its path and what is wrong with it, never what it holds.
"""

import os
import secrets
import shlex
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import JsonValue

from tokenward.errors import ConfigurationError, InvalidKeyError, MalformedTokenError
from tokenward.jose.codec import dumps, loads_header
from tokenward.jose.key import Key

__all__ = [
    "JWK_SUFFIX",
    "LOCK_NAME",
    "MAX_FILE_BYTES",
    "PEM_SUFFIX",
    "KeyFile",
    "holds_private_pem",
    "key_of",
    "locked",
    "read_file",
    "read_named_file",
    "refuse_open_file",
    "rendered",
    "sync_directory",
    "write_file",
]

PEM_SUFFIX: Final = ".pem"
JWK_SUFFIX: Final = ".jwk.json"
LOCK_NAME: Final = ".lock"
MAX_FILE_BYTES: Final = 65_536
_MAX_NAMED_BYTES: Final = 1_048_576  # a key set may be long

_IS_POSIX: Final = os.name == "posix"
_OTHERS: Final = 0o077
# Neither a FIFO nor a link that is put there between the look and the opening holds us up.
_CAREFULLY: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_READ: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _CAREFULLY
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CAREFULLY
_LOCK: Final = os.O_RDWR | os.O_CREAT | _CAREFULLY
_LOCK_EXCLUSIVELY: Final = 2
_flock: Callable[[int, int], object] = (
    import_module("fcntl").flock if _IS_POSIX else (lambda _fd, _operation: None)
)


class KeyFile(NamedTuple):
    """A file as it was found."""

    path: Path
    content: bytes
    is_open_to_others: bool
    """Whether somebody else than the owner may read it; False where the system cannot tell."""


def read_file(directory: Path, name: str) -> KeyFile:
    """Read a small file of a directory.

    Raises:
        ConfigurationError: it is missing, no file, too large, not UTF-8, or elsewhere: a link may
            lead to another file of the directory alone.
    """
    path = directory / name
    try:
        root = os.path.realpath(directory, strict=True)
        target = os.path.realpath(path, strict=True)
        if not Path(target).is_relative_to(root):
            raise _fault(path, "leads out of the directory")
        descriptor = os.open(target, _READ)
    except OSError as error:
        raise _fault(path, f"cannot be read: {error.strerror}") from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise _fault(path, "is not a file")
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MAX_FILE_BYTES:
        raise _fault(path, f"is larger than {MAX_FILE_BYTES} bytes")
    if not _is_utf8(content):
        raise _fault(path, "is not UTF-8 text")
    return KeyFile(path, content, _IS_POSIX and bool(mode & _OTHERS))


def read_named_file(path: Path) -> KeyFile:
    """Read a small file that a setting or an option names.

    Links may lead anywhere, and a pipe is read to its end, as that of a shell's ``<(...)``.

    Raises:
        ConfigurationError: it cannot be read, or is too large.
    """
    try:
        with path.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            content = opened.read(_MAX_NAMED_BYTES + 1)
    except OSError as error:
        raise _fault(path, f"cannot be read: {error.strerror}") from error
    if len(content) > _MAX_NAMED_BYTES:
        raise _fault(path, f"is larger than {_MAX_NAMED_BYTES} bytes: it is not a key")
    return KeyFile(path, content, _IS_POSIX and stat.S_ISREG(mode) and bool(mode & _OTHERS))


def refuse_open_file(file: KeyFile) -> None:
    """Refuse a file that holds a private key or a secret, if others can read it.

    Raises:
        InvalidKeyError: they can; the message has the command that changes it.
    """
    if file.is_open_to_others:
        msg = (
            f"{str(file.path)!r} holds a private key or a secret, and others than its owner can "
            f"read it: chmod 600 {shlex.quote(str(file.path))}"
        )
        raise InvalidKeyError(msg)


def holds_private_pem(content: bytes) -> bool:
    """Whether PEM text holds a private key, encrypted or not."""
    return b"PRIVATE KEY-----" in content


def key_of(file: KeyFile, *, algorithm: str | None = None, kid: str | None = None) -> Key:
    """Make the key of a file: PEM, or a JWK where the name ends so.

    Args:
        file: from `read_file`.
        algorithm: see `Key.from_pem` and `Key.from_jwk`.
        kid: of a PEM key; a JWK has its own.

    Raises:
        InvalidKeyError: it holds no usable key, or a private one that others may read.
        ConfigurationError: the algorithm is unknown.
    """
    is_pem = file.path.name.endswith(PEM_SUFFIX)
    jwk = {} if is_pem else _jwk_in(file)
    if holds_private_pem(file.content) or not jwk.keys().isdisjoint({"d", "k"}):
        refuse_open_file(file)
    try:
        if is_pem:
            return Key.from_pem(file.content, algorithm=algorithm, kid=kid)
        return Key.from_jwk(jwk, algorithm=algorithm)
    except ConfigurationError as error:
        msg = f"{str(file.path)!r}: {error}"
        raise type(error)(msg) from error


def _jwk_in(file: KeyFile) -> dict[str, JsonValue]:
    try:
        return loads_header(file.content)
    except MalformedTokenError:
        msg = f"{str(file.path)!r}: It is not a JSON object."
    raise InvalidKeyError(msg)


def rendered(key: Key) -> tuple[str, bytes, int]:
    """Give the suffix, the content and the mode of a key's file.

    Secrets and public keys are JWKs, because those carry the key id and the algorithm.
    """
    if key.algorithm.key_type == "oct":
        return JWK_SUFFIX, dumps(key.secret_jwk()), 0o600
    if key.can_sign:
        return PEM_SUFFIX, key.private_pem(), 0o600
    return JWK_SUFFIX, dumps(key.public_jwk()), 0o644


def write_file(directory: Path, name: str, content: bytes, mode: int) -> None:
    """Put a file there as a whole, or leave what is there; it has its mode from the first moment.

    Raises:
        OSError: it cannot be written.
    """
    temporary = directory / f".{secrets.token_hex(8)}.tmp"
    descriptor = os.open(temporary, _CREATE, mode)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - it is open already
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(directory / name)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other writers out for the length of a block; where there is no ``flock``, do not."""
    descriptor = os.open(directory / LOCK_NAME, _LOCK, 0o600)
    try:
        _flock(descriptor, _LOCK_EXCLUSIVELY)
        yield
    finally:
        os.close(descriptor)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


sync_directory: Callable[[Path], None] = _sync_directory if _IS_POSIX else (lambda _path: None)
"""Have what was put into a directory and removed from it survive a power cut."""


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _fault(path: Path, what: str) -> ConfigurationError:
    return ConfigurationError(f"{str(path)!r} {what}.")
