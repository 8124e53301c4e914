"""The engine of every side of Tokenward: typed claims, issuer, audience and a MemoryStore."""

from functools import partial

from answering import expect_equal
from material import AUDIENCE, ISSUER, KEY_ID, Material
from remembering import first_sight, repeat

from tokenward import Claims, KeyRing, MemoryStore, RevocationStore, TokenEngine, TokenPolicy


class ShopClaims(Claims):
    """The typed claims of a usual service."""

    tenant: str = ""
    roles: tuple[str, ...] = ()


def ring_of(material: Material, algorithm: str) -> KeyRing:
    """Load the key that signed the tokens."""
    private = material.key(algorithm, "private")
    if algorithm.startswith("HS"):
        return KeyRing.from_secret(private, algorithm=algorithm, kid=KEY_ID)
    return KeyRing.from_pem(private, algorithm=algorithm, kid=KEY_ID)


def engine_with(ring: KeyRing, store: RevocationStore | None) -> TokenEngine[ShopClaims]:
    """Build an engine as the README does."""
    return TokenEngine(
        ring,
        policy=TokenPolicy(issuer=ISSUER, audience=AUDIENCE),
        claims_model=ShopClaims,
        store=store,
    )


async def engine_with_revoked_token(material: Material, algorithm: str) -> TokenEngine[ShopClaims]:
    """Build the engine of a service with one revoked token."""
    engine = engine_with(ring_of(material, algorithm), MemoryStore())
    await engine.revoke(material.refused(algorithm)["revoked"])
    return engine


async def cache_checks(
    engine: TokenEngine[Claims], material: Material, algorithm: str
) -> dict[str, object]:
    """Return the arguments with which a `Service` checks the signature cache of an engine; fill it first.

    A full cache costs more than an empty one, because it removes a token for each token that it adds.
    """
    tokens = material.tokens(algorithm, "usual")
    for token in tokens[1:]:
        await engine.decode(token)
    expect_equal(engine.signature_cache.entries < len(tokens) - 1, True, "a full cache")  # noqa: FBT003
    return {
        "first": partial(first_sight, engine),
        "repeat": partial(repeat, engine),
        "memory": lambda: engine.signature_cache,
    }
