"""The constructor, `required` and `optional`, which the adapters inherit; no framework."""

import inspect
from datetime import timedelta

import pytest
from pydantic import validate_call

from tests.support import SECRET
from tokenward import BearerHeader, Claims, ConfigurationError, KeyRing, TokenEngine
from tokenward.http import (
    BaseTokenAuth,
    QueryCarrier,
    Requirement,
    ResourceMetadata,
    keyword_arguments_only,
)

ENGINE = TokenEngine(KeyRing.from_secret(SECRET))


class RecordingAuth(BaseTokenAuth[Claims, Requirement[Claims], tuple[str, Requirement[Claims]]]):
    """An adapter for no framework: its guards are the requirements."""

    def _required_guard(self, requirement):
        return requirement

    def _optional_guard(self, requirement):
        return "optional", requirement


def test_the_constructor_connects_the_engine():
    """Its arguments reach the authenticator; the defaults are a bearer header and the realm api."""
    auth = RecordingAuth(ENGINE)
    other = RecordingAuth(ENGINE, carriers=[QueryCarrier()], realm="shop", scheme_name="Shop")

    assert (auth.authenticator.engine, auth.authenticator.realm, auth.scheme_name) == (
        ENGINE,
        "api",
        "Bearer",
    )
    assert [type(each) for each in auth.authenticator.carriers] == [BearerHeader]
    assert (other.authenticator.realm, other.scheme_name) == ("shop", "Shop")
    assert [type(each) for each in other.authenticator.carriers] == [QueryCarrier]


def test_the_arguments_become_a_requirement():
    """All reach the guard, and only `optional` makes the requirement optional."""
    arguments = {
        "type": "refresh",
        "fresh": True,
        "max_age": timedelta(minutes=5),
        "acr": ("mfa",),
        "actor": ["orders-api"],
        "scopes": ("orders:read",),
        "any_scope": ("admin", "staff"),
        "carriers": (QueryCarrier(),),
        "check": lambda claims: claims.sub == "alice",
    }
    auth = RecordingAuth(ENGINE)

    assert auth.required(**arguments) == Requirement(**arguments)
    assert auth.optional(**arguments) == ("optional", Requirement(**arguments, optional=True))
    assert auth.required() == Requirement()


def test_the_resource_to_publish():
    """It is the metadata that challenges name; without one the error names the fix."""
    metadata = ResourceMetadata("https://api.example", authorization_servers=["https://a.example"])
    auth = RecordingAuth(ENGINE, resource=metadata)

    assert auth.authenticator.resource is auth._published_resource is metadata
    with pytest.raises(ConfigurationError, match=r"resource=ResourceMetadata\(\.\.\.\)"):
        assert RecordingAuth(ENGINE)._published_resource


@pytest.mark.parametrize("name", ["required", "optional"])
def test_a_method_that_is_used_as_a_decorator_names_the_fix(name):
    """Without parentheses the handler is a positional argument."""
    method = getattr(RecordingAuth(ENGINE), name)

    with pytest.raises(TypeError, match=rf"^Write auth\.{name}\(\), with parentheses: "):
        method(lambda: None)


@pytest.mark.parametrize("name", ["required", "optional"])
def test_a_method_that_a_framework_would_call_names_the_fix(name):
    """A framework that validates parameters with Pydantic cannot use the method itself."""
    with pytest.raises(ConfigurationError, match=r"write auth\.required\(\) instead of"):
        validate_call(getattr(RecordingAuth(ENGINE), name))


@pytest.mark.parametrize("name", ["required", "optional"])
def test_the_signature_of_a_method_shows_the_same_text_everywhere(name):
    """What marks a parameter is shown by its name, not by an address in memory."""
    shown = str(inspect.signature(getattr(BaseTokenAuth, name)))
    assert "MUST_BE_CALLED" in shown
    assert " at 0x" not in shown


def test_positional_parameters_stay_positional():
    """Only arguments without a parameter are refused, and the signature is kept."""

    @keyword_arguments_only("guard(group)")
    def guard(group, *, scopes=()):
        """Guard a group."""
        return group, scopes

    assert guard("group", scopes=["a"]) == ("group", ["a"])
    assert guard(group="group") == ("group", ())
    assert (guard.__name__, guard.__doc__) == ("guard", "Guard a group.")
    with pytest.raises(TypeError, match=r"^Write guard\(group\): requirements are keyword"):
        guard("group", ["a"])


def test_an_adapter_must_have_both_guards():
    """A subclass without them cannot be instantiated."""
    with pytest.raises(TypeError, match="_optional_guard"):
        BaseTokenAuth(ENGINE)
