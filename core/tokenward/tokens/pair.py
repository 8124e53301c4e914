"""The pair of tokens that a login and each refresh return."""

from dataclasses import dataclass, field, fields
from typing import Any, Literal, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

__all__ = ["TokenPair"]


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access and a refresh token of one session, with the field names of RFC 6749 §5.1."""

    # Pydantic, and so FastAPI, writes the members of `json_body`. The docstring is short because it
    # becomes the description in an OpenAPI document. The repr shows no token.
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int | None
    """The lifetime of the access token in whole seconds; None: it never expires."""
    token_type: Literal["Bearer", "DPoP"] = "Bearer"  # noqa: S105 - no password
    """``DPoP``: the tokens are bound to the key of the client (RFC 9449 §5)."""
    scope: str = ""
    """The scopes of both tokens, separated by spaces (RFC 6749 §3.3)."""
    refresh_expires_in: int | None = None
    """The lifetime of the refresh token in whole seconds; None: it never expires."""
    csrf_token: str | None = field(default=None, repr=False)
    """The value that a request must repeat if either token travels in a cookie (`CsrfCheck`)."""

    def json_body(self) -> dict[str, str | int]:
        """Return the members of the JSON response to a client (RFC 6749 §5.1).

        Members without a value are left out: `expires_in` of a token that never expires, and an
        empty `scope`. OAuth clients expect a number or nothing. `csrf_token` is never a member: a
        client that has the tokens sends them in a header, which needs no CSRF token, and
        `set_cookies` puts it into its own cookie. Send the response with
        ``Cache-Control: no-store``.
        """
        members = {each.name: getattr(self, each.name) for each in fields(self)}
        del members["csrf_token"]
        return {name: value for name, value in members.items() if value is not None and value != ""}

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type["TokenPair"], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Make Pydantic write the members of `json_body`. Pydantic calls this."""

        def write(pair: TokenPair, write_all: core_schema.SerializerFunctionWrapHandler) -> Any:  # noqa: ANN401
            # `write_all` leaves out what the caller excludes, for example `response_model_exclude`.
            present = pair.json_body()
            return {name: value for name, value in write_all(pair).items() if name in present}

        schema = cast("core_schema.DataclassSchema", handler(source))
        schema["serialization"] = core_schema.wrap_serializer_function_ser_schema(write)
        return schema

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the members of `json_body`, for OpenAPI. Pydantic calls this."""
        schema = handler(core)
        if handler.mode == "serialization":
            described = handler.resolve_ref_schema(schema)
            members = described["properties"]
            del members["csrf_token"]
            for name in ("expires_in", "refresh_expires_in"):
                members[name] = {"title": members[name]["title"], "type": "integer"}
            described["required"] = ["access_token", "refresh_token", "token_type"]
        return schema
