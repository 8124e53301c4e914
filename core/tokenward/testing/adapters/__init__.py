"""What an adapter's author needs to build the service that `AdapterContract` tests.

::

    from tokenward.testing import AdapterContract

    class TestMyAdapter(AdapterContract):
        def build(self, engine):
            return build_service(engine)       # an ASGI app with the routes below

The app uses the engine twice: ``TokenAuth(engine)``, and for the routes under ``/browser``
``TokenAuth(engine, carriers=BROWSER_CARRIERS, scheme_name="Cookie")``. Both are registered with the
app, so that a `TokenError` of a handler gets the response of a refusal.

The service answers in JSON. ``required``, ``optional``, ``refresh``, ``set_cookies``,
``clear_cookies`` and ``while_valid`` are those of the adapter. A route without a body in the table
answers ``{"sub": claims.sub}``. After a login and after a refresh, the body also contains the pair as
``access_token``, ``refresh_token`` and ``csrf_token``, so that tests can compare the cookies with it.

===================  =======================================  ======================================
Route                Requires                                 Response
===================  =======================================  ======================================
GET /public          nothing                                  ``{"public": true}``
GET /me              required()                               ``sub``, ``tenant``, ``extra``
GET /maybe           optional()                               ``sub``, or null without claims
GET /maybe-orders    optional(scopes=["orders:read"])         ``sub``, or null without claims
those of             the guard of each route
`guarded_routes`
GET /slow            required()                               ``sub``, read after ``await pause()``
GET /twice           required() on the group of routes, and
                     required(scopes=["orders:read"]) on
                     the route itself
GET /crossed         required() on the group, and
                     required(type="refresh") on the route
GET /admin           required(scopes=["admin"]), on the
                     group only
GET /admin/users     the same group                           ``{"users": []}``
POST /renew          nothing                                  ``{"scope": pair.scope}`` of the pair
                                                              that ``engine.refresh(body)`` returns;
                                                              the adapter handles its errors
POST /renew-json     nothing                                  the same with ``refresh_token`` of the
                                                              JSON body, parsed with the standard
                                                              library's ``json``
POST /browser/login  ``check_origin(request)``                a pair of ``engine.issue_pair`` for
                                                              alice of acme, and its cookies
GET, POST, and PUT   required()
/browser/me
POST /browser/maybe  optional()                               ``sub``, or null without claims
POST /browser/       nothing                                  the pair of ``refresh(request,
refresh                                                       check=is_employed)``, and its cookies
GET and HEAD         nothing                                  the same as /browser/refresh
/browser/renew
GET /browser/leave   required(type="refresh")
POST /browser/       required()                               ``sub``; revokes the session, and
logout                                                        clears the cookies
POST /browser/form   required()                               ``{"note": note}``: a field of the
                                                              form, parsed by the framework
WebSocket /ws        required()                               accepts, sends ``sub`` as text, closes
WebSocket /ws/maybe  optional()                               the same; empty text without claims
WebSocket /ws/orders required(scopes=["orders:read"]) on the  the same
                     socket, and required() as well
WebSocket /ws/query  required(carriers=[QueryCarrier()])      the same
WebSocket            required(carriers=                       the same; accepts with the subprotocol
/ws/protocol         [WebSocketProtocolCarrier()])            ``bearer``
WebSocket            required()                               the same
/browser/ws
WebSocket /ws/live   required()                               accepts, and ``while_valid``, checked
                                                              every millisecond, sends back each text
                                                              it receives
WebSocket            required(max_age=timedelta(minutes=10))  the same
/ws/recent
WebSocket            required()                               accepts, and in ``while_valid`` reads
/ws/stubborn                                                  once, ignores its cancellation, and
                                                              reads again
WebSocket /ws/raises nothing                                  accepts, and raises TokenRevokedError
===================  =======================================  ======================================

The streams, the protected resource metadata, DPoP and certificates have separate apps: see
`AdapterContract.build_streams`, `AdapterContract.build_resource`, `AdapterContract.build_dpop` and
`AdapterContract.build_mtls`.

Features that an adapter can lack, as in ``lacks = {"websockets": "the framework has none"}``:

- ``websockets``: the WebSockets of the table.
- ``cookies``: the routes under ``/browser``.
- ``forms``: ``/browser/form``, where the CSRF token is a field of the form.
- ``groups``: the guards on groups of routes.
- ``streams``: ``build_streams``.
- ``resource``: ``build_resource``.
- ``dpop``: ``build_dpop``.
- ``mtls``: ``build_mtls``.
"""

from tokenward.testing.adapters.service import (
    BROWSER_CARRIERS,
    dpop_routes,
    guarded_routes,
    is_employed,
    mtls_routes,
    pause,
)
from tokenward.testing.adapters.tokens import ShopClaims

__all__ = [
    "BROWSER_CARRIERS",
    "ShopClaims",
    "dpop_routes",
    "guarded_routes",
    "is_employed",
    "mtls_routes",
    "pause",
]
