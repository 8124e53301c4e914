"""The keys that sign and verify: in memory, in a directory, or fetched from an issuer.

A `KeyRing` holds the keys of the service, a `RemoteKeySet` those of another issuer.
"""

from tokenward.jose.hmac_secrets import WeakSecretWarning
from tokenward.jose.key import Key
from tokenward.jose.key_source import KeySource, Signer
from tokenward.jose.weak_keys import WeakKeyWarning
from tokenward.keys.directory import KeyDirectory
from tokenward.keys.remote import RemoteKeySet, RemoteKeySetOptions
from tokenward.keys.ring import KeyRing
from tokenward.keys.ring_state import KeyEntry

__all__ = [
    "Key",
    "KeyDirectory",
    "KeyEntry",
    "KeyRing",
    "KeySource",
    "RemoteKeySet",
    "RemoteKeySetOptions",
    "Signer",
    "WeakKeyWarning",
    "WeakSecretWarning",
]
