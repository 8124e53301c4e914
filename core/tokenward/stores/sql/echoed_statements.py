"""Statements whose result repeats an identifier of the call, so that a wrong result is detected.

A pooler may run a statement that another process prepared under the same name. Its result could be
empty, and an empty result means "not revoked" or "already used". Therefore each result has one row
that repeats the statement, the store and the number of the call.
"""

import itertools
import secrets
from collections.abc import Callable
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Executable, Row, Text, bindparam, literal_column, text
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["EchoedResult", "EchoedStatement", "MismatchedResultError"]

EchoedResult: TypeAlias = tuple[Row[Any], dict[str, Row[Any]]]


class MismatchedResultError(RuntimeError):
    """The database returned the result of another statement than the one that was sent."""

    def __init__(self) -> None:
        """Describe the fault and how to fix it."""
        super().__init__(
            "The database returned the result of another statement. Behind a connection pooler use "
            "an engine with connect_args={'statement_cache_size': 0}, or {'prepare_threshold': None} "
            "with psycopg."
        )


class EchoedStatement:
    """One statement of one store, for any number of calls."""

    __slots__ = ("_calls", "_prefix", "_statement")

    def __init__(self, build: Callable[[ColumnElement[str]], Executable] | str) -> None:
        """Build the statement.

        Args:
            build: returns the statement. Its result must have one row that begins with the given
                column. Or its text, with ``{echo}`` for the column.
        """
        # A literal, which no statement of another process or for another table contains.
        self._prefix = f"{secrets.token_hex(8)}:"
        self._calls = itertools.count()
        if isinstance(build, str):
            written = build.replace("{echo}", f"'{self._prefix}' || CAST(:call AS text)")
            self._statement: Executable = text(written)
            return
        echo = literal_column(f"'{self._prefix}'", Text).concat(bindparam("call", type_=Text))
        self._statement = build(echo)

    async def run(self, connection: AsyncConnection, values: dict[str, Any]) -> EchoedResult:
        """Send the statement; return the row with the identifier, and the others by their first column.

        Raises:
            MismatchedResultError: the result belongs to another call.
        """
        call = str(next(self._calls))
        result = await connection.execute(self._statement, {**values, "call": call})
        rows = {row[0]: row for row in result}

        own = rows.pop(self._prefix + call, None)
        if own is None:
            raise MismatchedResultError
        return own, rows
