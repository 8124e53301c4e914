"""What ``ring.json`` says: which keys a ring has, in which files, and what each is there for."""

import re
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from pydantic_core import PydanticSerializationError

from tokenward.errors import ConfigurationError, raise_without_context
from tokenward.jose.key import Key
from tokenward.keys.files import MAX_FILE_BYTES, KeyFile, key_of
from tokenward.keys.index import KeyEntry, KeyState

__all__ = [
    "FILE_NAME",
    "MANIFEST_NAME",
    "Row",
    "key_named_by",
    "parsed_manifest",
    "rendered_manifest",
    "row_of",
]

MANIFEST_NAME: Final = "ring.json"
FILE_NAME: Final = re.compile(r"[^./\\\x00][^/\\\x00]*\.(pem|jwk\.json)")
"""Of the directory itself, and not hidden; where a link leads is looked at when it is read."""


class Row(BaseModel):
    """What the manifest says of one key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    kid: str | None
    file: str
    algorithm: str
    state: KeyState
    verify_until: float | None = None
    """In seconds since 1970."""
    thumbprint: str | None = None
    """RFC 7638, of an asymmetric key; may be left out where it is the key id."""

    @field_validator("file")
    @classmethod
    def _check_file(cls, name: str) -> str:
        if not FILE_NAME.fullmatch(name):
            msg = "not a name of a key's file"
            raise ValueError(msg)
        return name


class _Manifest(BaseModel):
    """A ring. Whatever other files there are do not count."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: Literal[1] = 1
    keys: tuple[Row, ...]


def parsed_manifest(file: KeyFile) -> tuple[Row, ...]:
    """Read a manifest.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        return _Manifest.model_validate_json(file.content).keys
    except ValidationError:
        msg = (
            f"{str(file.path)!r} is not the manifest of a ring: it needs version 1, and for each of "
            "the keys its kid, file, algorithm, state (pending, active or verify-only), "
            "verify_until and thumbprint."
        )
        raise_without_context(ConfigurationError(msg))


def rendered_manifest(rows: list[Row]) -> bytes:
    """Write a manifest.

    Raises:
        ConfigurationError: it would be larger than what is read again.
    """
    content = _Manifest(keys=tuple(rows)).model_dump_json(indent=2).encode()
    if len(content) > MAX_FILE_BYTES:
        msg = f"The ring has too many keys: its manifest is larger than {MAX_FILE_BYTES} bytes."
        raise ConfigurationError(msg)
    return content


def row_of(entry: KeyEntry, name: str) -> Row:
    """Say which key a file holds.

    Raises:
        ConfigurationError: JSON cannot say its key id, or its time.
    """
    try:
        row = Row(
            kid=entry.key.kid,
            file=name,
            algorithm=entry.key.algorithm.name,
            state=entry.state,
            verify_until=entry.verify_until,
            thumbprint=entry.key.thumbprint,
        )
        row.model_dump_json()
    except (ValidationError, PydanticSerializationError):
        msg = "A key of the ring has an id, a time or a file's name that JSON cannot say."
        raise ConfigurationError(msg) from None
    return row


def key_named_by(row: Row, file: KeyFile) -> Key:
    """Make the key that a row means.

    Raises:
        ConfigurationError: the file holds another one.
        InvalidKeyError: it holds none that can be used, or a private one that others may read.
    """
    key = key_of(file, algorithm=row.algorithm, kid=row.kid)
    is_secret = key.algorithm.key_type == "oct"
    thumbprint = None if is_secret else row.thumbprint or row.kid
    if (key.kid, key.thumbprint) != (row.kid, thumbprint):
        msg = f"{str(file.path)!r} is not the key that ring.json means: its key id differs."
        raise ConfigurationError(msg)
    return key
