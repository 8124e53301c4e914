"""Looks for mistakes in how an app is put together: they are found when it is built."""

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

__all__ = ["HandlerChecks", "refuse_second_plugin"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

# Type arguments of these are no values: Request[User, ShopClaims, State].
_CONNECTIONS: Final = frozenset({"request", "socket", "scope"})


def refuse_second_plugin(app_config: AppConfig, plugin: InitPlugin, key: str) -> None:
    """Refuse an app in which the argument of another `TokenAuth` has the same name.

    Raises:
        ConfigurationError: it has one.
    """
    for other in app_config.plugins:
        is_other = isinstance(other, type(plugin)) and other is not plugin
        if is_other and getattr(other, "dependency_key", None) == key:
            msg = (
                f"Two TokenAuth give their claims to the argument {key}: "
                "give one of them TokenAuth(engine, dependency_key='...')."
            )
            raise ConfigurationError(msg)


class HandlerChecks(Generic[ClaimsT]):
    """What one plugin looks for in each handler of an app."""

    def __init__(
        self, plugin: InitPlugin, authenticator: Authenticator[ClaimsT], provider: Provide
    ) -> None:
        """Take the plugin, and what provides its claims."""
        self._plugin = plugin
        self._authenticator = authenticator
        self._provide = provider.dependency

    def check(self, handler: BaseRouteHandler) -> None:
        """Refuse a handler that is open by mistake, or can never work.

        Args:
            handler: which is registered.

        Raises:
            ConfigurationError: says what is wrong, and what to do.
        """
        for layer in handler.ownership_layers:
            for guard in layer.guards or ():
                self._check_guard(handler, guard)
        self._check_arguments(handler)
        if isinstance(handler, HTTPRouteHandler):
            self._check_cache(handler)

    def _check_guard(self, handler: BaseRouteHandler, guard: object) -> None:
        if self._is_method(guard):
            _refuse(handler, "has a guard that is not called: write guards=[auth.required()].")
        if isinstance(guard, ClaimsGuard) and guard.plugin not in handler.app.plugins:
            _refuse(
                handler, "has the guard of a TokenAuth that is no plugin: Litestar(plugins=[auth])."
            )

    def _check_arguments(self, handler: BaseRouteHandler) -> None:
        dependencies = handler.resolve_dependencies()
        layered = handler.resolve_layered_parameters().values()
        data = handler.parsed_data_field  # that of a listener is not among its arguments
        for field in [*layered, *([data] if data else [])]:
            self._check_sent(handler, field)
        waiting = [handler.parsed_fn_signature]
        seen = set[str]()
        while waiting:
            for name, field in waiting.pop().parameters.items():
                if name in _CONNECTIONS:
                    continue
                if name not in dependencies:
                    self._check_sent(handler, field)
                elif dependencies[name].dependency == self._provide:
                    self._check_claims(handler, field)
                elif name not in seen:
                    seen.add(name)
                    self._check_provider(handler, dependencies[name])
                    waiting.append(dependencies[name].parsed_fn_signature)

    def _check_sent(self, handler: BaseRouteHandler, field: FieldDefinition) -> None:
        """Refuse an argument that Litestar fills with what the client sent."""
        if contains_claims_model(field.raw):
            _refuse(
                handler,
                f"takes the claims in {field.name} from the request, where the client writes them: "
                "use guards=[auth.required()] and request.auth, or the dependency of the plugin.",
            )

    def _check_provider(self, handler: BaseRouteHandler, provider: Provide) -> None:
        dependency = provider.dependency
        if isinstance(dependency, ClaimsGuard) or self._is_method(dependency):
            _refuse(
                handler,
                "has a guard as a dependency: write guards=[auth.required()], and the plugin "
                "provides the claims.",
            )
        if isclass(dependency) and contains_claims_model(dependency):
            _refuse(
                handler,
                "has a claims model as a dependency, which Litestar fills from the request: the "
                "plugin provides the claims of the token.",
            )

    def _check_claims(self, handler: BaseRouteHandler, field: FieldDefinition) -> None:
        """Refuse claims that no guard finds, or of a model that is not the engine's."""
        if not any(self._guards_of(handler)):
            _refuse(
                handler,
                f"has the argument {field.name} and no guard that finds the claims: "
                "write guards=[auth.required()] or guards=[auth.optional()].",
            )
        expected = tuple(claims_models_in(field.raw))
        for model in self._authenticator.engine.claims_models:
            if expected and not issubclass(model, expected):
                _refuse(
                    handler,
                    f"annotates {field.name} with another model than the engine has: "
                    f"write {model.__name__}, or give TokenEngine(claims_model=...).",
                )

    def _check_cache(self, handler: HTTPRouteHandler) -> None:
        """Refuse to keep the response of one user for others."""
        config = handler.app.response_cache_config
        is_shared = config is None or config.key_builder is default_cache_key_builder
        is_shared = is_shared and handler.cache_key_builder is None
        if handler.cache and is_shared and any(self._guards_of(handler)):
            _refuse(
                handler,
                "has cache= behind a guard, so one user would get the response of another: "
                "remove cache=, or give a cache_key_builder that names the user.",
            )

    def _guards_of(self, handler: BaseRouteHandler) -> Iterator[ClaimsGuard[Any]]:
        for guard in handler.resolve_guards():
            if (
                isinstance(guard, ClaimsGuard)
                and guard.authenticator is self._authenticator
                and not guard.leaves_out(handler)
            ):
                yield guard

    def _is_method(self, value: object) -> bool:
        return isinstance(value, MethodType) and isinstance(value.__self__, type(self._plugin))


def _refuse(handler: BaseRouteHandler, message: str) -> NoReturn:
    msg = f"{handler.handler_name} {message}"
    raise ConfigurationError(msg)
