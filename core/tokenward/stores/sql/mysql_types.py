"""Columns in MariaDB and MySQL: keys that are compared byte by byte, and times without infinity."""

import math
import sys
from typing import Any, Final

from sqlalchemy import ColumnElement, Dialect, Double, TypeDecorator, func
from sqlalchemy.dialects.mysql import VARBINARY
from sqlalchemy.types import TypeEngine

__all__ = ["MysqlKey", "MysqlTime", "stored_time", "time_of"]

_FOREVER: Final = sys.float_info.max


def stored_time(value: float) -> float:
    """Return the number that stands for a time; the databases have no infinity."""
    return max(-_FOREVER, min(value, _FOREVER))


def time_of(stored: float) -> float:
    """Return the time for which a number stands."""
    return math.inf if stored >= _FOREVER else stored


class MysqlKey(TypeDecorator[str]):
    """ASCII text as bytes: any collation ignores case or trailing spaces.

    It is sent in hexadecimal, so that no setting of a session changes how it is quoted.
    """

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = VARBINARY
    cache_ok: bool | None = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002
        """Return the bytes in hexadecimal."""
        return None if value is None else value.encode("ascii").hex().encode("ascii")

    def bind_expression(self, bindvalue: Any) -> ColumnElement[Any]:  # noqa: ANN401 - of SQLAlchemy
        """Turn the hexadecimal digits into bytes."""
        return func.unhex(bindvalue, type_=self)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:  # noqa: ANN401, ARG002
        """Return the text."""
        return None if value is None else bytes(value).decode("ascii")


class MysqlTime(TypeDecorator[float]):
    """A double; its greatest value stands for infinity."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Double
    cache_ok: bool | None = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:  # noqa: ARG002
        """Return the number to store."""
        return None if value is None else stored_time(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> float | None:  # noqa: ANN401, ARG002
        """Return the time."""
        return None if value is None else time_of(value)
