"""Checks of the arguments with which an engine is built."""

from tokenward._arguments import check_callable, check_methods, kind_of
from tokenward.claims.model import Claims
from tokenward.errors import ConfigurationError
from tokenward.jose.key_source import KeySource
from tokenward.policy import TokenPolicy
from tokenward.stores.protocol import OF_STORES

__all__ = ["check_engine_arguments"]


def check_engine_arguments(
    *,
    keys: object,
    policy: object,
    claims_model: object,
    store: object,
    clock: object,
    new_jti: object,
) -> None:
    """Refuse arguments of `TokenEngine` that have the wrong type.

    Raises:
        ConfigurationError: an argument is not what its name says; the message names the fix.
    """
    if not isinstance(keys, KeySource) or isinstance(keys, type):
        msg = "keys must be a KeyRing, as in KeyRing.from_secret(os.environ['SECRET'])."
        raise ConfigurationError(msg)
    if not (isinstance(claims_model, type) and issubclass(claims_model, Claims)):
        msg = "claims_model must be a subclass of tokenward.Claims, not an object."
        raise ConfigurationError(msg)
    if not isinstance(policy, TokenPolicy):
        msg = (
            f"policy must be a TokenPolicy, not {kind_of(policy)}: "
            "pass policy=TokenPolicy(issuer=..., audience=...)."
        )
        raise ConfigurationError(msg)
    if store is not None:
        check_methods(store, OF_STORES, "store", "store=MemoryStore()")
    check_callable(clock, "clock", "clock=time.time", takes=0)
    check_callable(new_jti, "new_jti", "new_jti=lambda: uuid4().hex", takes=0)
