"""Writes the pair that a handler returns as OAuth clients expect it, and describes it so."""

from typing import Any, Literal, NotRequired, TypedDict

from litestar import Response
from litestar.dto import DataclassDTO, DTOConfig
from litestar.plugins import SerializationPlugin
from litestar.typing import FieldDefinition

from tokenward import TokenPair

__all__ = ["TokenPairPlugin"]


class TokenPairBody(TypedDict):
    """An access and a refresh token of one session, with the field names of RFC 6749 §5.1."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer", "DPoP"]
    expires_in: NotRequired[int]
    scope: NotRequired[str]
    refresh_expires_in: NotRequired[int]


class _TokenPairDTO(DataclassDTO[TokenPair]):
    """Writes the members of `TokenPair.json_body`."""

    config = DTOConfig()

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:
        """Whether a handler returns a pair, or a response with a pair."""
        if field_definition.is_subclass_of(Response):
            return [each.annotation for each in field_definition.inner_types] == [TokenPair]
        return _is_pair(field_definition)

    @classmethod
    def create_for_field_definition(cls, *_: object, **__: object) -> None:
        """Do nothing: there is one result for all handlers."""

    @classmethod
    def create_openapi_schema(
        cls,
        field_definition: FieldDefinition,  # noqa: ARG003 - of the base class
        handler_id: str,  # noqa: ARG003 - of the base class
        schema_creator: Any,  # noqa: ANN401 - a private class of Litestar
    ) -> Any:  # noqa: ANN401 - a reference or a schema
        """Describe the body."""
        return schema_creator.for_field_definition(FieldDefinition.from_annotation(TokenPairBody))

    def data_to_encodable_type(self, data: Any) -> Any:  # noqa: ANN401 - what a handler returns
        """Return what is written; a response keeps its headers and its status."""
        if isinstance(data, Response):
            data.content = self.data_to_encodable_type(data.content)
            return data
        return data.json_body() if isinstance(data, TokenPair) else data


class TokenPairPlugin(SerializationPlugin):
    """Applies to handlers that set no ``return_dto``."""

    def supports_type(self, field_definition: FieldDefinition) -> bool:
        """Whether the type is `TokenPair`. Litestar calls this, also for inner types."""
        return _is_pair(field_definition)

    def create_dto_for_type(self, field_definition: FieldDefinition) -> type[_TokenPairDTO]:  # noqa: ARG002 - one for all
        """Return what writes the pair. Litestar calls this."""
        return _TokenPairDTO


def _is_pair(field_definition: FieldDefinition) -> bool:
    return field_definition.annotation is TokenPair
