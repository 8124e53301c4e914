"""Making FastAPI create an object on the event loop when it depends on a class."""

import inspect
from collections.abc import Awaitable, Callable, Generator
from functools import cache
from typing import Any, ClassVar, Self, get_type_hints

__all__ = ["AsyncClass"]


class _CreatorCoroutine:
    """Shows FastAPI a coroutine function with the parameters of the class's ``__init__``.

    Where FastAPI follows ``__wrapped__``, it takes the class for a coroutine function because of
    this. It still calls the class itself and awaits the object; see `AsyncClass.__await__`.
    """

    def __get__(self, instance: object, owner: "type[AsyncClass]") -> Callable[..., Awaitable[Any]]:
        return _creator_of(owner)  # type: ignore[arg-type] # mypy: a class is not Hashable


@cache
def _creator_of(owner: "type[AsyncClass]") -> Callable[..., Awaitable[Any]]:
    async def create(*args: Any, **kwargs: Any) -> object:  # noqa: ANN401 - any arguments
        return owner(*args, **kwargs)

    # Resolved here, because names in string annotations belong to the module of the class.
    hints = get_type_hints(owner.__init__, include_extras=True)
    _self, *parameters = inspect.signature(owner.__init__).parameters.values()
    resolved = [each.replace(annotation=hints.get(each.name, each.empty)) for each in parameters]
    create.__signature__ = inspect.Signature(resolved)  # type: ignore[attr-defined]
    return create


class AsyncClass:
    """A class that FastAPI calls on the event loop; it would call any other class in a thread."""

    __wrapped__: ClassVar[_CreatorCoroutine] = _CreatorCoroutine()

    def __await__(self) -> Generator[Any, None, Self]:
        """Return the object itself: FastAPI awaits what it takes for a coroutine."""
        return self
        yield
