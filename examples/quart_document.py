"""The shop on Quart with an OpenAPI document: ``uvicorn quart_document:app``.

Needs quart-schema. The guards of `quart_app` document themselves; here are the bodies of requests and
responses, and the refusals of the routes without a guard.
"""

from quart_schema import QuartSchema, document_request, document_response

import shop
from quart_app import app, auth
from tokenward import TokenPair

__all__ = ["app"]

LOGINS = ("login", "log_in")
REFRESHES = ("refresh", "refresh_session")
ANSWERS: dict[str, type] = {
    "login": TokenPair,
    "refresh": TokenPair,
    "log_in": shop.Message,
    "refresh_session": shop.Message,
    "logout": shop.Message,
    "log_out_everywhere": shop.Message,
    "read_devices": shop.Devices,
    "end_device": shop.EndedSession,
    "read_claims": shop.AdditionalClaims,
    "read_orders": shop.Orders,
    "place_order": shop.PlacedOrder,
    "delete_orders": shop.DeletedOrders,
}
"""The body of each view's response, by the name of the view."""

QuartSchema(app)
for name, model in ANSWERS.items():
    document_response(model)(app.view_functions[name])
for name in LOGINS:
    document_request(shop.Login)(app.view_functions[name])
    auth.responses(app.view_functions[name])
for name in REFRESHES:
    auth.refresh_operation()(app.view_functions[name])
