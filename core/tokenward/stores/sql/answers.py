"""Statements whose answer names the question, so that an answer to another one is found out.

A pooler may run a statement that another process prepared under the same name. Its result could be
empty, and an empty result means "not revoked" or "already used". So each answer has one row that
repeats the statement, the store and the number of the call.
"""

import itertools
import secrets
from collections.abc import Callable
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Executable, Row, Text, bindparam, literal_column
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["Answer", "MismatchedAnswerError", "Question"]

Answer: TypeAlias = tuple[Row[Any], dict[str, Row[Any]]]


class MismatchedAnswerError(RuntimeError):
    """The database answered another statement than the one that was sent."""

    def __init__(self) -> None:
        """Say what to do about it."""
        super().__init__(
            "The database answered another statement than the one that was sent. Behind a "
            "connection pooler use an engine with connect_args={'statement_cache_size': 0}."
        )


class Question:
    """One statement of one store, which can be sent any number of times."""

    __slots__ = ("_calls", "_prefix", "_statement")

    def __init__(self, build: Callable[[ColumnElement[str]], Executable]) -> None:
        """Build the statement.

        Args:
            build: returns the statement; its answer has one row that begins with the given column.
        """
        # A literal, which a statement prepared by another process or for another table has not.
        self._prefix = f"{secrets.token_hex(8)}:"
        self._calls = itertools.count()
        echo = literal_column(f"'{self._prefix}'", Text).concat(bindparam("call", type_=Text))
        self._statement = build(echo)

    async def ask(self, connection: AsyncConnection, values: dict[str, Any]) -> Answer:
        """Send the statement, and return the row that names it and the others by their first column.

        Raises:
            MismatchedAnswerError: the answer is not the one to this call.
        """
        call = str(next(self._calls))
        result = await connection.execute(self._statement, {**values, "call": call})
        rows = {row[0]: row for row in result}
        own = rows.pop(self._prefix + call, None)
        if own is None:
            raise MismatchedAnswerError
        return own, rows
