"""One public surface: the three adapters offer the same methods under the same names."""

import inspect
from importlib import import_module
from typing import Annotated, get_args, get_origin

import pytest

from tests.adapters.adapters import ALL, WANTED
from tokenward import TokenEngine
from tokenward.http import BaseTokenAuth

pytestmark = pytest.mark.skipif(
    len(WANTED) < len(ALL), reason="one adapter alone is installed: nox -s tests compares all"
)
OWN_NAMES = {"on_app_init", "receive_route", "init_app", "current_claims", "get_claims", "guard"}
"""The methods that connect each framework, and Quart's access to claims and guard of groups.

FastAPI's ``dependencies=`` and Litestar's ``guards=`` cover the WebSockets of a group; Quart's
``before_request`` does not, and Quart hands a handler no claims.
"""
LITESTAR_SETTINGS = ("dependency_key", "exclude_opt_key", "load_user")
"""Litestar has a place for the user of a request; in FastAPI it is a dependency, in Quart a function."""


def auths() -> dict[str, type]:
    """Return the class of each adapter."""
    return {name: import_module(f"tokenward_{name}").TokenAuth for name in ALL}


def parameters_of(method: object) -> list[tuple[str, object, str, object]]:
    """Return the parameters of a method, without the types of the framework."""
    return [
        (each.name, each.kind, str(type_of(each)), each.default)
        for each in inspect.signature(method).parameters.values()
    ]


def type_of(parameter: inspect.Parameter) -> object:
    """Return the type of a parameter, without annotations for a framework."""
    annotation = parameter.annotation
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


@pytest.mark.parametrize("method", ["required", "optional"])
def test_requirements_are_those_of_the_base_class(method: str) -> None:
    """`required` and `optional` are written once, with eleven arguments, and not overridden."""
    shared = getattr(BaseTokenAuth, method)

    assert [getattr(auth, method) for auth in auths().values()] == [shared] * 3
    assert len(parameters_of(shared)) == 12


def test_the_guard_of_a_group_takes_the_arguments_of_required() -> None:
    """Quart's `guard` takes a group and the parameters of `required`."""
    auth = auths()["quart"]
    group, *others = parameters_of(auth.guard)[1:]

    assert group[0] == "group"
    assert others == parameters_of(auth.required)[1:]


@pytest.mark.parametrize(
    "method",
    [
        "refresh",
        "check_origin",
        "set_cookies",
        "clear_cookies",
        "while_valid",
        "publish_keys",
        "publish_resource",
        "add_endpoint",
    ],
)
def test_the_other_verbs_take_the_same_arguments(method: str) -> None:
    """The other methods differ only in the framework's request, response, WebSocket and app."""
    signatures = [
        [(name, kind, default) for name, kind, _, default in parameters_of(getattr(auth, method))]
        for auth in auths().values()
    ]

    assert signatures[0] == signatures[1] == signatures[2]


def test_every_lifespan_takes_the_same_options() -> None:
    """They are those of an engine; FastAPI, which has one lifespan, adds that of the app."""
    options = [
        [each for each in parameters_of(auth.lifespan) if each[0] != "app_lifespan"]
        for auth in auths().values()
    ]

    assert options == [parameters_of(TokenEngine.running)] * 3


def test_no_adapter_has_a_verb_of_its_own() -> None:
    """All adapters have the same public names, except for the connection to their framework."""
    names = [
        {name for name in vars(auth) if not name.startswith("_")} - OWN_NAMES
        for auth in auths().values()
    ]

    assert names[0] == names[1] == names[2]


def test_every_adapter_takes_the_same_settings() -> None:
    """The settings are those of the base class; Litestar adds its own."""
    shared = parameters_of(BaseTokenAuth.__init__)
    settings = [
        [each for each in parameters_of(auth.__init__) if each[0] not in LITESTAR_SETTINGS]
        for auth in auths().values()
    ]

    assert settings == [shared] * 3
