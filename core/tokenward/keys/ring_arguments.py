"""Checks of the arguments of a `KeyRing`."""

from collections.abc import Iterable, Mapping

from tokenward._arguments import kind_of
from tokenward.errors import ConfigurationError
from tokenward.jose.key import Key
from tokenward.jose.key_source import Signer
from tokenward.jose.without_context import raise_without_context

__all__ = ["checked_keys", "key_and_signer", "keys_in_pem_map"]


def checked_keys(keys: Iterable[Key], argument: str) -> tuple[Key, ...]:
    """Return the keys, each once.

    Raises:
        ConfigurationError: the argument is not a list of keys.
    """
    listed = tuple(keys) if isinstance(keys, Iterable) else (None,)
    if not all(isinstance(key, Key) for key in listed):
        msg = f"{argument} must be a list of keys, as in {argument}=[Key.from_jwk(...)]."
        raise ConfigurationError(msg)
    # A key that is given twice is one key.
    return tuple(dict.fromkeys(listed))


def key_and_signer(key: Key | Signer) -> tuple[Key, Signer | None]:
    """Return the key that verifies, and the signer if there is one.

    Raises:
        ConfigurationError: the argument is neither a key nor a signer.
    """
    if isinstance(key, type) or not isinstance(key, Key | Signer):
        msg = (
            f"A ring signs with a Key or a Signer, not {kind_of(key)}: "
            "pass KeyRing(Key.from_secret(...)), or KeyRing.from_secret(...)."
        )
        raise ConfigurationError(msg)
    return (key, None) if isinstance(key, Key) else (key.key, key)


def keys_in_pem_map(pems: Mapping[str, str | bytes], algorithm: str | None) -> list[Key]:
    """Return the public keys of a mapping from key ids to PEM texts.

    Raises:
        ConfigurationError: the argument is not such a mapping, or is empty; or a text is not a public
            key or a certificate, which the message names by its position.
    """
    is_map = isinstance(pems, Mapping) and all(isinstance(kid, str) for kid in pems)
    if not is_map or not pems:
        msg = 'pems must be a mapping from key ids to PEM texts, as in {"2026-11": pem}.'
        raise ConfigurationError(msg)

    keys = []
    for position, (kid, pem) in enumerate(pems.items()):
        try:
            key = Key.from_pem(pem, algorithm=algorithm, kid=kid)
        except ConfigurationError as exc:
            raise_without_context(type(exc)(f"Key {position}: {exc}"))
        if key.can_sign:
            msg = f"Key {position}: It is private, and must not be in a map of public keys."
            raise ConfigurationError(msg)
        keys.append(key)
    return keys
