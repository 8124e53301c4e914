"""The manifest ``ring.json``: the keys of a ring with their files and states."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from pydantic_core import PydanticSerializationError

from tokenward.errors import ConfigurationError
from tokenward.jose.key import Key
from tokenward.jose.without_context import raise_without_context
from tokenward.keys.file_names import FILE_NAME
from tokenward.keys.files import MAX_FILE_BYTES, KeyFile, key_of
from tokenward.keys.ring_state import KeyEntry, KeyState

__all__ = [
    "Row",
    "key_named_by",
    "parsed_manifest",
    "rendered_manifest",
    "row_of",
]


class Row(BaseModel):
    """The row of one key in the manifest."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False
    )

    kid: str | None
    file: str
    algorithm: str
    state: KeyState
    verify_until: float | None = None
    """In seconds since 1970."""
    thumbprint: str | None = None
    """RFC 7638, for an asymmetric key; may be omitted if it is the key id."""

    @field_validator("file")
    @classmethod
    def _check_file(cls, name: str) -> str:
        if not FILE_NAME.fullmatch(name):
            msg = "not the name of a key file"
            raise ValueError(msg)
        return name


class _Manifest(BaseModel):
    """The keys of a ring; other files in the directory are ignored."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: Literal[1] = 1
    keys: tuple[Row, ...]


def parsed_manifest(file: KeyFile) -> tuple[Row, ...]:
    """Return the rows of a manifest.

    Raises:
        ConfigurationError: the file is not a manifest.
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
    """Return the content of a manifest.

    Raises:
        ConfigurationError: the manifest is too large to be read again.
    """
    content = _Manifest(keys=tuple(rows)).model_dump_json(indent=2).encode()
    if len(content) > MAX_FILE_BYTES:
        msg = f"The ring has too many keys: its manifest is larger than {MAX_FILE_BYTES} bytes."
        raise ConfigurationError(msg)
    return content


def row_of(entry: KeyEntry, name: str) -> Row:
    """Return the row of a key and its file.

    Raises:
        ConfigurationError: the key id or the time cannot be written as JSON.
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
        msg = "A key of the ring has an id, a time or a file name that cannot be written as JSON."
        raise ConfigurationError(msg) from None

    return row


def key_named_by(row: Row, file: KeyFile) -> Key:
    """Return the key that a row describes.

    Raises:
        ConfigurationError: the file holds another key.
        InvalidKeyError: the file holds no usable key.
    """
    key = key_of(file, algorithm=row.algorithm, kid=row.kid)
    is_secret = key.algorithm.key_type == "oct"
    thumbprint = None if is_secret else row.thumbprint or row.kid
    if (key.kid, key.thumbprint) != (row.kid, thumbprint):
        msg = f"{str(file.path)!r} is not the key that ring.json describes: its key id differs."
        raise ConfigurationError(msg)
    return key
