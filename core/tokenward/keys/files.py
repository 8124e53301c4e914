"""Read and write the files that hold keys.

Every key file is read by `read_key_file`, wherever its name comes from. Errors name the path and
what is wrong with the file, never its content.
"""

import os
import shlex
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import JsonValue

from tokenward.errors import ConfigurationError, InvalidKeyError, MalformedTokenError
from tokenward.jose.codec import dumps, loads_object
from tokenward.jose.key import Key
from tokenward.jose.pem_keys import is_private_pem
from tokenward.jose.without_context import raise_without_context
from tokenward.keys.file_names import JWK_SUFFIX, LOCK_NAME, PEM_SUFFIX, temporary_name

__all__ = [
    "MAX_FILE_BYTES",
    "PRIVATE_MEMBERS",
    "KeyFile",
    "file_fault",
    "key_of",
    "locked",
    "path_in_errors",
    "read_key_file",
    "rendered",
    "sync_directory",
    "write_file",
]

MAX_FILE_BYTES: Final = 1_048_576
"""A JWK set of 100 private RSA keys with their certificates fits; also the limit for fetched sets."""
PRIVATE_MEMBERS: Final = frozenset({"d", "k", "priv"})
"""The members that make a JWK private: ``d``, ``k`` (RFC 7518 §6), and ``priv`` of ``AKP`` keys."""

_IS_POSIX: Final = os.name == "posix"
_OTHERS: Final = 0o077
_BINARY: Final = getattr(os, "O_BINARY", 0)
_READ: Final = os.O_RDONLY | _BINARY
# Neither a FIFO nor a link that somebody swaps in after the path was resolved can block the reader.
_CAREFULLY: Final = getattr(os, "O_NOFOLLOW", 0) | _BINARY
_READ_RESOLVED: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _CAREFULLY
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CAREFULLY
_LOCK: Final = os.O_RDWR | os.O_CREAT | _CAREFULLY
_LOCK_EXCLUSIVELY: Final = 2
_flock: Callable[[int, int], object] = (
    import_module("fcntl").flock if _IS_POSIX else (lambda _fd, _operation: None)
)


class KeyFile(NamedTuple):
    """A file that may be used: private content that others can read has been refused."""

    path: Path
    content: bytes


def read_key_file(path: Path, *, within: Path | None = None, is_secret: bool = False) -> KeyFile:
    """Read a file that holds a key, a key set, a secret or a manifest.

    A private key or a secret that others than the owner can read is refused on POSIX systems; so is
    text that is not UTF-8, and more than `MAX_FILE_BYTES`.

    Args:
        path: the file.
        within: the directory that must contain the file, and the target if it is a link; it must be
            a regular file then. None: a link may lead anywhere, and a pipe is read to its end, such
            as that of a shell's ``<(...)``.
        is_secret: whether the whole content is a secret, which may be any bytes.

    Raises:
        ConfigurationError: the file cannot be read, is too large, not UTF-8, or outside of `within`.
        InvalidKeyError: others can read a private key or a secret; the message has the command
            that changes it.
    """
    try:
        descriptor = os.open(path, _READ) if within is None else _open_within(within, path)
        try:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISDIR(mode) or (within is not None and not stat.S_ISREG(mode)):
                raise file_fault(path, "is not a file")
            with open(descriptor, "rb", closefd=False) as file:
                content = file.read(MAX_FILE_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise file_fault(path, f"cannot be read: {error.strerror}") from error

    if len(content) > MAX_FILE_BYTES:
        raise file_fault(path, f"is larger than {MAX_FILE_BYTES} bytes")
    if not is_secret and not _is_utf8(content):
        raise file_fault(path, "is not UTF-8 text")

    is_exposed = _IS_POSIX and stat.S_ISREG(mode) and bool(mode & _OTHERS)
    if is_exposed and (is_secret or _holds_private_key(content)):
        msg = (
            f"{str(path)!r} holds a private key or a secret, and others than its owner can "
            f"read it: chmod 600 {shlex.quote(str(path))}"
        )
        raise InvalidKeyError(msg)

    return KeyFile(path, content)


def _open_within(directory: Path, path: Path) -> int:
    root = os.path.realpath(directory, strict=True)
    target = os.path.realpath(path, strict=True)
    if not Path(target).is_relative_to(root):
        raise file_fault(path, "leads out of the directory")
    return os.open(target, _READ_RESOLVED)


def _holds_private_key(content: bytes) -> bool:
    """Whether this is a private PEM key, encrypted or not, or JSON with a private or secret JWK."""
    if is_private_pem(content):
        return True
    try:
        document = loads_object(content)
    except MalformedTokenError:
        return False

    members = document.get("keys")
    jwks = [document, *(members if isinstance(members, list) else ())]
    return any(isinstance(jwk, dict) and not PRIVATE_MEMBERS.isdisjoint(jwk) for jwk in jwks)


def file_fault(path: Path, what: str) -> ConfigurationError:
    """Return an error about a file, which names its path."""
    return ConfigurationError(f"{str(path)!r} {what}.")


@contextmanager
def path_in_errors(path: Path, prefix: str = "") -> Iterator[None]:
    """Put the path of a file before the messages of configuration errors about its content."""
    try:
        yield
    except ConfigurationError as error:
        msg = f"{str(path)!r}: {prefix}{error}"
        raise type(error)(msg) from error


def key_of(file: KeyFile, *, algorithm: str | None = None, kid: str | None = None) -> Key:
    """Return the key in a file of a key directory: a JWK if its name says so, else PEM.

    Args:
        file: from `read_key_file`.
        algorithm: see `Key.from_pem` and `Key.from_jwk`.
        kid: for a PEM key; a JWK names its own.

    Raises:
        InvalidKeyError: the file holds no usable key.
        ConfigurationError: the algorithm is unknown.
    """
    with path_in_errors(file.path):
        if file.path.name.endswith(PEM_SUFFIX):
            return Key.from_pem(file.content, algorithm=algorithm, kid=kid)
        return Key.from_jwk(_jwk_in(file), algorithm=algorithm)


def _jwk_in(file: KeyFile) -> dict[str, JsonValue]:
    try:
        return loads_object(file.content)
    except MalformedTokenError:
        msg = "It is not a JSON object."
        raise_without_context(InvalidKeyError(msg))


def rendered(key: Key) -> tuple[str, bytes, int]:
    """Return the suffix, the content and the mode of a key's file.

    Secrets and public keys become JWKs, which carry the key id and the algorithm.
    """
    if key.algorithm.key_type == "oct":
        return JWK_SUFFIX, dumps(key.secret_jwk()), 0o600

    if key.can_sign:
        return PEM_SUFFIX, key.private_pem(), 0o600
    return JWK_SUFFIX, dumps(key.public_jwk()), 0o644


def write_file(directory: Path, name: str, content: bytes, mode: int) -> None:
    """Write a file in one step, or leave the old one; the new one has its mode from the start.

    Raises:
        OSError: the file cannot be written.
    """
    temporary = directory / temporary_name()
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
    """Hold the directory's lock during a block; without ``flock``, as on Windows, do nothing."""
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
"""Make the files added to a directory, and removed from it, survive a power cut."""


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
