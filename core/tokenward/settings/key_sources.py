"""The keys that settings name: a secret, a file, a directory, a key set URL or an issuer."""

from collections.abc import Collection
from pathlib import Path

from tokenward.jose.hmac_secrets import SecretEncoding
from tokenward.jose.key_source import KeySource
from tokenward.keys.files import path_in_errors, read_key_file
from tokenward.keys.ring import KeyRing

__all__ = [
    "issuer_keys",
    "key_directory_ring",
    "pem_file_ring",
    "remote_keys",
    "secret_file_ring",
]


def secret_file_ring(
    path: Path, *, algorithm: str, kid: str | None, encoding: SecretEncoding | None
) -> KeyRing:
    """Return a ring with the HMAC secret in a file, without the line break that editors append.

    Raises:
        ConfigurationError: the file cannot be read, other users can read it, or the secret is
            unusable.
    """
    content = read_key_file(path, is_secret=True).content
    secret = content.removesuffix(b"\n").removesuffix(b"\r")

    with path_in_errors(path):
        return KeyRing.from_secret(secret, algorithm=algorithm, kid=kid, encoding=encoding)


def pem_file_ring(
    path: Path, *, algorithm: str | None, password: str | None, kid: str | None
) -> KeyRing:
    """Return a ring with the key in a PEM file.

    Raises:
        ConfigurationError: the file cannot be read, holds a private key that other users can read,
            or holds no usable key.
    """
    content = read_key_file(path).content

    with path_in_errors(path):
        return KeyRing.from_pem(content, algorithm=algorithm, password=password, kid=kid)


def key_directory_ring(path: Path) -> KeyRing:
    """Return a ring with the keys of a directory.

    Raises:
        ConfigurationError: the path is not a directory of keys, or a key in it is unusable.
    """
    from tokenward.keys.directory import KeyDirectory

    return KeyDirectory(path).load()


def remote_keys(url: str, algorithm: str | None, plain_http_hosts: Collection[str]) -> KeySource:
    """Return the key set at a URL; nothing is fetched yet.

    Raises:
        ConfigurationError: the URL is unusable, or httpx is not installed.
    """
    from tokenward.keys.remote import RemoteKeySet

    algorithms = None if algorithm is None else [algorithm]
    return RemoteKeySet(url, algorithms=algorithms, plain_http_hosts=plain_http_hosts)


def issuer_keys(issuer: str, algorithm: str | None, plain_http_hosts: Collection[str]) -> KeySource:
    """Return the key set of an OpenID Connect issuer; see `remote_keys`."""
    from tokenward.keys.remote import RemoteKeySet

    algorithms = None if algorithm is None else [algorithm]
    return RemoteKeySet.from_issuer(
        issuer, algorithms=algorithms, plain_http_hosts=plain_http_hosts
    )
