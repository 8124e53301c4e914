"""Reports `required` and `optional` when they are passed or applied without being called."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

from tokenward.errors import ConfigurationError

__all__ = ["MUST_BE_CALLED", "keyword_arguments_only"]

ParametersT = ParamSpec("ParametersT")
ResultT = TypeVar("ResultT")


class _MustBeCalled:
    """Marks a parameter that no framework may fill.

    A framework that validates parameters with Pydantic looks at the parameters of a method only if
    it received the method itself, as in ``Depends(auth.required)``.
    """

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> NoReturn:
        msg = (
            "auth.required and auth.optional must be called: write auth.required() instead of "
            "auth.required, as in Depends(auth.required())."
        )
        raise ConfigurationError(msg)

    def __repr__(self) -> str:
        return "MUST_BE_CALLED"


MUST_BE_CALLED = _MustBeCalled()


def keyword_arguments_only(
    usage: str,
) -> Callable[[Callable[ParametersT, ResultT]], Callable[ParametersT, ResultT]]:
    """Return a decorator for methods that explains unexpected positional arguments.

    ``@auth.required`` without parentheses passes the handler to the method as a positional
    argument, and so does a framework that received ``auth.required`` itself. The message names the
    correct call; Python's own message only counts arguments.

    Args:
        usage: the correct call, for the message.

    Returns:
        A decorator that keeps the signature of the method. The method raises TypeError for
        positional arguments that have no parameter.
    """

    def decorate(method: Callable[ParametersT, ResultT]) -> Callable[ParametersT, ResultT]:
        parameters = inspect.signature(method).parameters.values()
        max_positional = sum(each.kind is not each.KEYWORD_ONLY for each in parameters)

        @wraps(method)
        def call(*arguments: ParametersT.args, **keywords: ParametersT.kwargs) -> ResultT:
            if len(arguments) > max_positional:
                msg = f"Write {usage}: requirements are keyword arguments."
                raise TypeError(msg)
            return method(*arguments, **keywords)

        return call

    return decorate
