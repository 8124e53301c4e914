"""The drop-in for async-fastapi-jwt-auth: change the import lines, and nothing else.

``async_fastapi_jwt_auth`` becomes ``tokenward_fastapi.authjwt``; the modules and names inside are the
same. `AuthJWT` is a face over a `TokenEngine`, which `AuthJWT.engine` hands out, so that routes of
`tokenward_fastapi.TokenAuth` take the same tokens in the same app.
"""

from tokenward_fastapi.authjwt._claims import AuthJWTClaims
from tokenward_fastapi.authjwt.auth_jwt import AuthJWT

__all__ = ["AuthJWT", "AuthJWTClaims"]
