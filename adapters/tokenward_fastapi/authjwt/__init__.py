"""The drop-in for async-fastapi-jwt-auth: only the import lines change.

``async_fastapi_jwt_auth`` becomes ``tokenward_fastapi.authjwt``; the names of modules, classes and
methods stay. `AuthJWT` is a facade of a `TokenEngine`. `AuthJWT.engine` returns that engine, so that
routes of `tokenward_fastapi.TokenAuth` accept the same tokens in the same app.

"The reference" in this package is async-fastapi-jwt-auth 0.6.6. Its messages are kept word for word.
"""

from tokenward_fastapi.authjwt._claims import AuthJWTClaims
from tokenward_fastapi.authjwt.auth_jwt import AuthJWT

__all__ = ["AuthJWT", "AuthJWTClaims"]
