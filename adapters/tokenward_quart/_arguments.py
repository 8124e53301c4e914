"""Checks the arguments of the public methods."""

__all__ = ["check_type"]


def check_type(value: object, types: type | tuple[type, ...], message: str) -> None:
    """Refuse an argument of another type.

    Raises:
        TypeError: the argument has another type; the error has the message.
    """
    if not isinstance(value, types):
        raise TypeError(message)
