"""The keys that settings name: a secret, a file, a directory, a key set URL or an issuer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenward.errors import ConfigurationError
from tokenward.jose.key_source import RemoteKeys
from tokenward.keys.files import holds_private_pem, read_named_file, refuse_open_file
from tokenward.keys.ring import KeyRing

__all__ = [
    "issuer_keys",
    "key_directory_ring",
    "pem_file_ring",
    "remote_keys",
    "secret_file_ring",
]


def secret_file_ring(path: Path, *, algorithm: str, kid: str | None) -> KeyRing:
    """Return a ring with the HMAC secret in a file, without the line break that editors append.

    Raises:
        ConfigurationError: the file cannot be read, other users can read it, or the secret is
            unusable.
    """
    file = read_named_file(path)
    refuse_open_file(file)
    secret = file.content.removesuffix(b"\n").removesuffix(b"\r")

    with _naming(path):
        return KeyRing.from_secret(secret, algorithm=algorithm, kid=kid)


def pem_file_ring(
    path: Path, *, algorithm: str | None, password: str | None, kid: str | None
) -> KeyRing:
    """Return a ring with the key in a PEM file.

    Raises:
        ConfigurationError: the file cannot be read, holds a private key that other users can read,
            or holds no usable key.
    """
    file = read_named_file(path)
    if holds_private_pem(file.content):
        refuse_open_file(file)

    with _naming(path):
        return KeyRing.from_pem(file.content, algorithm=algorithm, password=password, kid=kid)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the path of the file in front of an error about its content."""
    try:
        yield
    except ConfigurationError as error:
        msg = f"{str(path)!r}: {error}"
        raise type(error)(msg) from error


def key_directory_ring(path: Path) -> KeyRing:
    """Return a ring with the keys of a directory.

    Raises:
        ConfigurationError: the path is not a directory of keys, or a key in it is unusable.
    """
    from tokenward.keys.directory import KeyDirectory

    return KeyDirectory(path).load()


def remote_keys(url: str, algorithm: str | None) -> RemoteKeys:
    """Return the key set at a URL; nothing is fetched yet.

    Raises:
        ConfigurationError: the URL is unusable, or httpx is not installed.
    """
    from tokenward.keys.remote import RemoteKeySet

    return RemoteKeySet(url, algorithms=None if algorithm is None else [algorithm])


def issuer_keys(issuer: str, algorithm: str | None) -> RemoteKeys:
    """Return the key set of an OpenID Connect issuer; see `remote_keys`."""
    from tokenward.keys.remote import RemoteKeySet

    return RemoteKeySet.from_issuer(issuer, algorithms=None if algorithm is None else [algorithm])
