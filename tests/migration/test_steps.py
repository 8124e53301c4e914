"""Each step of each page: the service runs, and the tokens of the steps around it are accepted."""

import time

import jwt
import pytest

from tests.migration.migrations import MIGRATIONS, client_of

DAY = 86_400


def migrations(**wanted):
    """Return the decorator that runs a test for each migration that has these properties."""
    chosen = {
        name: each
        for name, each in MIGRATIONS.items()
        if all(getattr(each, prop) == value for prop, value in wanted.items())
    }
    return pytest.mark.parametrize("migration", chosen.values(), ids=chosen)


STEPS = [
    pytest.param(migration, step, id=f"{name}, step {step}")
    for name, migration in MIGRATIONS.items()
    for step in range(migration.last + 1)
]
DEPLOYMENTS = [
    pytest.param(migration, step, id=f"{name}, step {step}")
    for name, migration in MIGRATIONS.items()
    for step in range(1, migration.last + 1)
]


def client_at(migration, step, *, until=None):
    """Return a client of the service after a step."""
    return client_of(
        migration.app_at(step, until=time.time() + 365 * DAY if until is None else until)
    )


async def tokens_of(migration, step):
    """Return the response of a login after a step, with the tokens."""
    async with client_at(migration, step) as client:
        response = await migration.log_in(client)
    assert response.status_code == 200, response.text
    return response.json()


async def assert_accepted(migration, client, token):
    """Check that the protected route accepts a token, and knows the user."""
    response = await migration.ask(client, token)
    assert (response.status_code, response.json()) == (200, migration.answer)


@pytest.mark.parametrize(("migration", "step"), STEPS)
async def test_the_service_runs_after_each_step(migration, step):
    """It accepts only users who are logged in."""
    async with client_at(migration, step) as client:
        assert (await migration.log_in(client, password="wrong")).status_code in {400, 401}
        token = (await migration.log_in(client)).json()["access_token"]
        await assert_accepted(migration, client, token)
        payload = jwt.decode(token, options={"verify_signature": False})
        for bad in (None, "x", jwt.encode(payload, "x" * 40), token[:-4] + "AAAA"):
            assert (await migration.ask(client, bad)).status_code in {401, 422}


@pytest.mark.parametrize(("migration", "step"), DEPLOYMENTS)
async def test_a_deployment_logs_no_user_out(migration, step):
    """Tokens of each step are accepted after the next; the last step waits until they have expired."""
    is_last = step == migration.last and step - 1 < migration.issues_from
    tokens = await tokens_of(migration, step - 1)
    async with client_at(migration, step) as client:
        if is_last:
            assert (await migration.ask(client, tokens["access_token"])).status_code == 401
        else:
            await assert_accepted(migration, client, tokens["access_token"])


@pytest.mark.parametrize(("migration", "step"), DEPLOYMENTS)
async def test_a_deployment_can_be_rolled_back(migration, step):
    """The former step accepts the tokens of the next, so both can run side by side."""
    tokens = await tokens_of(migration, step)
    async with client_at(migration, step - 1) as client:
        await assert_accepted(migration, client, tokens["access_token"])


@migrations()
async def test_tokens_of_the_old_library_are_accepted_until_they_expire(migration, travel):
    """Before the last step; after it they are refused."""
    old = (await tokens_of(migration, 0))["access_token"]
    for step in range(1, migration.last):
        async with client_at(migration, step) as client:
            await assert_accepted(migration, client, old)
    async with client_at(migration, migration.last) as client:
        assert (await migration.ask(client, old)).status_code == 401
    async with client_at(migration, migration.last - 1) as client:
        travel(30 * DAY)
        response = await migration.ask(client, old)
        assert response.status_code == 401
        if migration.page != "fastapi-users":  # it has a message for all refusals
            assert response.json()["code"] == "token_expired"


@migrations(has_former_engine=True)
async def test_the_date_ends_old_tokens_and_no_new_ones(migration):
    """Whatever their exp is."""
    old = (await tokens_of(migration, 0))["access_token"]
    async with client_at(migration, migration.last - 1, until=time.time() - 1) as client:
        assert (await migration.ask(client, old)).status_code == 401
        new = (await migration.log_in(client)).json()["access_token"]
        await assert_accepted(migration, client, new)


@migrations(refreshes=True)
async def test_refresh_tokens_of_the_old_library_start_a_session(migration):
    """The user, the claims and the scopes of the old token are those of the session."""
    old = (await tokens_of(migration, 0))["refresh_token"]
    for step in range(1, migration.last):
        async with client_at(migration, step) as client:
            response = await client.post("/refresh", headers={"Authorization": f"Bearer {old}"})
            assert response.status_code == 200
            await assert_accepted(migration, client, response.json()["access_token"])
    async with client_at(migration, migration.last - 1) as client:
        pair = (await client.post("/refresh", headers={"Authorization": f"Bearer {old}"})).json()
        claims = jwt.decode(pair["access_token"], options={"verify_signature": False})
        assert (claims["sub"], claims["iss"]) == ("alice", "https://shop.example")
    async with client_at(migration, migration.last) as client:
        await assert_accepted(migration, client, pair["access_token"])
        headers = {"Authorization": f"Bearer {pair['refresh_token']}"}
        assert (await client.post("/refresh", headers=headers)).status_code == 200


@migrations(has_pairs=True)
async def test_a_refresh_token_opens_no_route_and_logs_out(migration):
    """New refresh tokens, in each program that may get them; a logout ends the session."""
    tokens = await tokens_of(migration, migration.issues_from)
    for step in range(migration.last + 1):
        async with client_at(migration, step) as client:
            response = await migration.ask(client, tokens["refresh_token"])
            assert response.status_code in {401, 422}
    async with client_at(migration, migration.last) as client:
        tokens = (await migration.log_in(client)).json()
        headers = {"Authorization": f"Bearer {tokens['refresh_token']}"}
        assert (await client.post("/logout", headers=headers)).status_code == 200
        assert (await client.post("/refresh", headers=headers)).status_code == 401
        assert (await migration.ask(client, tokens["access_token"])).status_code == 401


@migrations(has_pairs=True)
async def test_no_cache_stores_the_new_tokens(migration):
    """The login and the refresh forbid it, from the step on that issues them (RFC 6749 §5.1)."""
    for step in range(migration.issues_from, migration.last + 1):
        async with client_at(migration, step) as client:
            login = await migration.log_in(client)
            headers = {"Authorization": f"Bearer {login.json()['refresh_token']}"}
            refresh = await client.post("/refresh", headers=headers)
        for response in (login, refresh):
            assert response.headers.get_list("cache-control") == ["no-store"]


@migrations()
def test_nothing_of_the_old_library_is_left_at_the_end(migration):
    """The last step removes the rest."""
    program = migration.text().program_at(migration.last)
    before = migration.text().before + migration.text().program_at(1)
    for name in migration.replaced:
        assert name in before
        assert name not in program
