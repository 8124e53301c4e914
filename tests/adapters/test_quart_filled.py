"""Claims models that quart-schema would fill from a request."""

from typing import Any

import pytest
from pydantic import BaseModel

from tests.adapters import quart_service
from tests.adapters.quart_service import Service
from tests.support import ShopClaims
from tokenward import ConfigurationError

quart_schema = pytest.importorskip(
    "quart_schema", reason="quart-schema is not installed: pip install quart-schema"
)
service = quart_service.service  # a fixture


class Order(BaseModel):
    """A body that contains claims."""

    by: list[ShopClaims] = []


class Page(BaseModel):
    """A valid model of a body, query string or headers."""

    number: int = 0


# quart-schema supports no nested model in a query string.
FILLED = [
    (name, model)
    for name in ("request", "querystring", "headers")
    for model in (ShopClaims, Order, Page)
    if (name, model) != ("querystring", Order)
]


@pytest.mark.parametrize("order", ["above", "below"])
@pytest.mark.parametrize(("name", "model"), FILLED)
async def test_claims_that_the_client_writes(
    service: Service, name: str, model: Any, order: str
) -> None:
    """A model for quart-schema that is or contains claims is refused: the client would fill it."""
    quart_schema.QuartSchema(service.app)
    validate = getattr(quart_schema, f"validate_{name}")(model)
    required = service.auth.required()

    async def orders(**_: Any) -> str:
        return ""

    view = validate(required(orders)) if order == "above" else required(validate(orders))
    service.app.post("/")(view)

    if model is Page:
        await service.app.startup()
        return
    with pytest.raises(ConfigurationError, match=r"^orders takes claims from the request"):
        await service.app.startup()
