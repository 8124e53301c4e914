"""A revocation store in PostgreSQL or SQLite, through SQLAlchemy. Needs ``tokenward[sql]``."""

from tokenward.stores.sql.store import SqlStore

__all__ = ["SqlStore"]
