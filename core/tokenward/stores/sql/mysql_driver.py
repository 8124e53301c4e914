"""The driver for MariaDB and MySQL."""

from typing import Any, ClassVar, Final

from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["ISOLATION", "MYSQL_DIALECTS", "MysqlDriver"]

MYSQL_DIALECTS: Final = {"mysql", "mariadb"}
ISOLATION: Final = "TRANSACTION ISOLATION LEVEL READ COMMITTED"
"""Statements that wait for each other lock rows, and no gaps between rows."""
_CHECKED: Final = "tokenward.checked"


class MysqlDriver:
    """Connections through asyncmy, which prepares no statement: a proxy has nothing to confuse."""

    dialect_options: ClassVar[dict[str, Any]] = {
        "isolation_level": "AUTOCOMMIT",
        # A transaction is ended where it was begun; resetting would cost another round trip.
        "pool_reset_on_return": None,
    }

    def connect_args(self) -> dict[str, Any]:
        """Return the arguments of new connections of the store's own engine."""
        return {}

    async def check_connection(self, connection: AsyncConnection, *, limit_ms: int | None) -> None:
        """Set a new connection of the store's own engine up, once, before its first use.

        Args:
            connection: a connection that commits each statement.
            limit_ms: the time after which the server cancels a statement; None for a user's engine,
                which is not changed.
        """
        if limit_ms is None or _CHECKED in connection.info:
            return
        await connection.exec_driver_sql(f"SET SESSION {ISOLATION}")
        await self._limit(connection, limit_ms)
        connection.info[_CHECKED] = True

    async def lift_limits(self, connection: AsyncConnection) -> None:
        """Let a statement of this connection take as long as it needs."""
        await self._limit(connection, 0)

    async def _limit(self, connection: AsyncConnection, limit_ms: int) -> None:
        # Locks are waited for in whole seconds; without a limit, for a year.
        seconds = -(-limit_ms // 1000) or 31_536_000
        is_mariadb: bool = connection.dialect.is_mariadb  # type: ignore[attr-defined]
        # MySQL limits only SELECT.
        limit = (
            f"max_statement_time = {limit_ms / 1000}"
            if is_mariadb
            else f"max_execution_time = {limit_ms}"
        )
        await connection.exec_driver_sql(
            f"SET SESSION innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds}, {limit}"
        )
