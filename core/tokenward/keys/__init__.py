"""The keys that sign and verify: in memory, in a directory, or fetched from an issuer.

A `KeyRing` holds the keys of the service, a `RemoteKeySet` those of another issuer. `CombinedKeys`
joins several sources of one issuer.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from tokenward.jose.hmac_secrets import WeakSecretWarning
from tokenward.jose.key import Key
from tokenward.jose.key_source import KeySource, Signer
from tokenward.jose.weak_keys import WeakKeyWarning
from tokenward.keys.ring import KeyRing
from tokenward.keys.ring_state import KeyEntry

if TYPE_CHECKING:
    from tokenward.keys.combined import CombinedKeys
    from tokenward.keys.directory import KeyDirectory
    from tokenward.keys.jwk_set import SkippedKey
    from tokenward.keys.remote import RemoteKeySet
    from tokenward.keys.remote_options import RemoteKeySetOptions
    from tokenward.keys.remote_source import KeyFetch
else:
    _LATE = {
        "CombinedKeys": "tokenward.keys.combined",
        "KeyDirectory": "tokenward.keys.directory",
        "SkippedKey": "tokenward.keys.jwk_set",
        "RemoteKeySet": "tokenward.keys.remote",
        "RemoteKeySetOptions": "tokenward.keys.remote_options",
        "KeyFetch": "tokenward.keys.remote_source",
    }

    def __getattr__(name: str) -> object:
        """Import a name of `_LATE` when it is first used (PEP 562): many programs never use it.

        Raises:
            AttributeError: there is no such name.
        """
        if name not in _LATE:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        return getattr(import_module(_LATE[name]), name)


__all__ = [
    "CombinedKeys",
    "Key",
    "KeyDirectory",
    "KeyEntry",
    "KeyFetch",
    "KeyRing",
    "KeySource",
    "RemoteKeySet",
    "RemoteKeySetOptions",
    "Signer",
    "SkippedKey",
    "WeakKeyWarning",
    "WeakSecretWarning",
]
