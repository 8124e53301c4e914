"""Refuses to create an app whose guards or claims arguments are used incorrectly."""

from collections.abc import Iterator
from inspect import isclass
from types import MethodType
from typing import Any, Final, Generic, NoReturn, TypeVar

from litestar.config.app import AppConfig
from litestar.config.response_cache import default_cache_key_builder
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.plugins import InitPlugin
from litestar.typing import FieldDefinition

from tokenward import Claims, ConfigurationError
from tokenward.http import Authenticator, claims_models_in, contains_claims_model
from tokenward_litestar._guard import ClaimsGuard

__all__ = ["HandlerChecks", "refuse_duplicate_key"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

# The type arguments of these are not filled from a request: Request[User, ShopClaims, State].
_CONNECTIONS: Final = frozenset({"request", "socket", "scope"})


def refuse_duplicate_key(app_config: AppConfig, plugin: InitPlugin, key: str) -> None:
    """Refuse an app with another `TokenAuth` that has the same `dependency_key`.

    Raises:
        ConfigurationError: another `TokenAuth` has the key.
    """
    for other in app_config.plugins:
        is_other = isinstance(other, type(plugin)) and other is not plugin
        if is_other and getattr(other, "dependency_key", None) == key:
            msg = (
                f"Two TokenAuth provide the argument {key}: create one of them with "
                "TokenAuth(engine, dependency_key='...')."
            )
            raise ConfigurationError(msg)


class HandlerChecks(Generic[ClaimsT]):
    """Checks each handler of an app for incorrect use of one plugin."""

    def __init__(
        self, plugin: InitPlugin, authenticator: Authenticator[ClaimsT], provider: Provide
    ) -> None:
        """Create the checks for a plugin and the provider of its claims."""
        self._plugin = plugin
        self._authenticator = authenticator
        self._provide = provider.dependency

    def check(self, handler: BaseRouteHandler) -> None:
        """Refuse a handler that is unprotected by mistake, or that can never work.

        Args:
            handler: the registered handler.

        Raises:
            ConfigurationError: the handler is refused; the message names the fix.
        """
        for layer in handler.ownership_layers:
            for guard in layer.guards or ():
                self._check_guard(handler, guard)
        self._check_arguments(handler)
        if isinstance(handler, HTTPRouteHandler):
            self._check_cache(handler)

    def _check_guard(self, handler: BaseRouteHandler, guard: object) -> None:
        if self._is_uncalled_method(guard):
            _refuse(
                handler,
                "has a guard that is not called: write guards=[auth.required()] with parentheses.",
            )
        if isinstance(guard, ClaimsGuard) and guard.plugin not in handler.app.plugins:
            _refuse(
                handler,
                "has a guard of a TokenAuth that is not a plugin: write Litestar(plugins=[auth]).",
            )

    def _check_arguments(self, handler: BaseRouteHandler) -> None:
        dependencies = handler.resolve_dependencies()
        layered = handler.resolve_layered_parameters().values()
        data = handler.parsed_data_field  # for a listener it is not among the arguments
        for field in [*layered, *([data] if data else [])]:
            self._check_request_field(handler, field)

        waiting = [handler.parsed_fn_signature]
        seen = set[str]()
        while waiting:
            for name, field in waiting.pop().parameters.items():
                if name in _CONNECTIONS:
                    continue
                if name not in dependencies:
                    self._check_request_field(handler, field)
                elif dependencies[name].dependency == self._provide:
                    self._check_claims_argument(handler, field)
                elif name not in seen:
                    seen.add(name)
                    self._check_provider(handler, dependencies[name])
                    waiting.append(dependencies[name].parsed_fn_signature)

    def _check_request_field(self, handler: BaseRouteHandler, field: FieldDefinition) -> None:
        """Refuse an argument with claims that Litestar fills from the request."""
        if contains_claims_model(field.raw):
            _refuse(
                handler,
                f"takes the claims in {field.name} from the request, so the client would supply them: "
                "use guards=[auth.required()] and request.auth, or the plugin's dependency.",
            )

    def _check_provider(self, handler: BaseRouteHandler, provider: Provide) -> None:
        dependency = provider.dependency
        if isinstance(dependency, ClaimsGuard) or self._is_uncalled_method(dependency):
            _refuse(
                handler,
                "has a guard as a dependency: write guards=[auth.required()]; the plugin provides "
                "the claims.",
            )
        if isclass(dependency) and contains_claims_model(dependency):
            _refuse(
                handler,
                "has a Claims model as a dependency, which Litestar would fill from the request: use "
                "the plugin's dependency instead.",
            )

    def _check_claims_argument(self, handler: BaseRouteHandler, field: FieldDefinition) -> None:
        """Refuse a claims argument without a guard, or with a model that the engine does not return."""
        if not any(self._guards_of(handler)):
            _refuse(
                handler,
                f"has the argument {field.name} but no guard that provides the claims: "
                "write guards=[auth.required()] or guards=[auth.optional()].",
            )
        expected = tuple(claims_models_in(field.raw))
        for model in self._authenticator.engine.claims_models:
            if expected and not issubclass(model, expected):
                _refuse(
                    handler,
                    f"annotates {field.name} with a model that the engine does not return: "
                    f"write {model.__name__}, or pass claims_model to the TokenEngine.",
                )

    def _check_cache(self, handler: HTTPRouteHandler) -> None:
        """Refuse a response cache that would serve one user's response to another user."""
        config = handler.app.response_cache_config
        is_shared = config is None or config.key_builder is default_cache_key_builder
        is_shared = is_shared and handler.cache_key_builder is None
        if handler.cache and is_shared and any(self._guards_of(handler)):
            _refuse(
                handler,
                "has cache= behind a guard, so one user would get the response of another user: "
                "remove cache=, or set a cache_key_builder that includes the user.",
            )

    def _guards_of(self, handler: BaseRouteHandler) -> Iterator[ClaimsGuard[Any]]:
        for guard in handler.resolve_guards():
            if (
                isinstance(guard, ClaimsGuard)
                and guard.authenticator is self._authenticator
                and not guard.excludes(handler)
            ):
                yield guard

    def _is_uncalled_method(self, value: object) -> bool:
        return isinstance(value, MethodType) and isinstance(value.__self__, type(self._plugin))


def _refuse(handler: BaseRouteHandler, message: str) -> NoReturn:
    msg = f"{handler.handler_name} {message}"
    raise ConfigurationError(msg)
