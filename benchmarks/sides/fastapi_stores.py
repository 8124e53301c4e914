"""Tokenward in FastAPI with one of several stores.

``--store`` is ``none``, ``memory``, or the URL of a Redis or PostgreSQL with the key prefix or schema as its fragment; with
``mirror:`` before it, the store is mirrored.
"""

from datetime import timedelta
from typing import Annotated

from asgi import PATH
from fastapi import Depends, FastAPI
from fastapi_bare import RUNS_ON, open_apps
from material import Material
from requesting import Service, run
from tokenward_engine import ShopClaims, engine_with, ring_of

from tokenward import MemoryStore, RevocationStore
from tokenward.stores.mirror import MirroredStore
from tokenward.stores.redis import RedisStore
from tokenward.stores.sql import SqlStore
from tokenward_fastapi import TokenAuth

MIRROR = "mirror:"
PATIENT = 30.0
"""Seconds for a call: an outage would end the run."""


def shared_store(place: str) -> RedisStore | SqlStore:
    """Open a store at a URL with a fragment."""
    url, _, part = place.partition("#")
    if url.startswith("redis"):
        return RedisStore(url, key_prefix=part, timeout_seconds=PATIENT, ephemeral=True)
    return SqlStore(url, schema=part, timeout_seconds=PATIENT)


def store_of(choice: str) -> RevocationStore | None:
    """Open the chosen store."""
    if choice == "none":
        return None
    if choice == "memory":
        return MemoryStore(single_process=True)
    if choice.startswith(MIRROR):
        # The tokens of a run are older than most access tokens are in a service.
        inner = shared_store(choice.removeprefix(MIRROR))
        return MirroredStore(inner, access_lifetime=timedelta(days=1))
    return shared_store(choice)


async def build(material: Material, algorithm: str, choice: str) -> Service:
    """Build the service; its store has one revoked token, beside those that it had before."""
    store = store_of(choice)
    engine = engine_with(ring_of(material, algorithm), store)
    if store is not None:
        await engine.revoke(material.refused(algorithm)["revoked"])
    if isinstance(store, MirroredStore):
        await store.catch_up()
    app, auth = FastAPI(), TokenAuth(engine)
    auth.init_app(app)

    @app.get(PATH)
    async def user(claims: Annotated[ShopClaims, Depends(auth.required())]) -> dict[str, str]:
        return {"user": claims.sub}

    def report() -> dict[str, object]:
        return {"fallbacks": store.fallbacks if isinstance(store, MirroredStore) else 0}

    return Service(
        open=open_apps(),
        guarded={"main": app},
        runs_on=RUNS_ON,
        checks_revocation=store is not None,
        report=report,
    )


if __name__ == "__main__":
    run(build)
