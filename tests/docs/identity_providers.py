"""What identity providers send, and what their recipes must refuse."""

from tests.docs.providers import ENCRYPTION, TIMES, UNKNOWN, Provider
from tests.support import NOW
from tokenward.errors import (
    InvalidAudienceError,
    InvalidClaimError,
    InvalidIssuerError,
    MissingClaimError,
    WrongTokenTypeError,
)

_COGNITO = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE"
_COGNITO_BOTH = {
    **TIMES,
    "iss": _COGNITO,
    "sub": "aaaaaaaa-bbbb-cccc-dddd-example",
    "cognito:groups": ["staff"],
    "origin_jti": "a1",
    "event_id": "e1",
    "auth_time": NOW - 60,
    "jti": "j1",
}
_COGNITO_ID = {
    **_COGNITO_BOTH,
    "aud": "1example23456789",
    "token_use": "id",
    "email": "a@example.com",
}
COGNITO = Provider(
    page="cognito.md",
    phrase="class CognitoClaims",
    payload={
        **_COGNITO_BOTH,
        "client_id": "1example23456789",
        "token_use": "access",
        "version": 2,
        "scope": "openid orders.read",
        "username": "alice",
    },
    header={},
    typed={"username": "alice", "groups": ("staff",)},
    without_role={"cognito:groups": ...},
    metadata_url=f"{_COGNITO}/.well-known/openid-configuration",
    jwks_url=f"{_COGNITO}/.well-known/jwks.json",
    refused=[
        # An ID token names the client in another claim.
        (_COGNITO_ID, MissingClaimError),
        ({**_COGNITO_ID, "at_hash": "h"}, MissingClaimError),
        ({**_COGNITO_ID, "client_id": "1example23456789"}, WrongTokenTypeError),
        # A resource binding.
        ({"aud": "https://other-api.example"}, InvalidAudienceError),
        ({"client_id": "another"}, InvalidAudienceError),
        ({"iss": f"{_COGNITO}2"}, InvalidIssuerError),
    ],
)

_KEYCLOAK = "https://sso.example/realms/shop"
_KEYCLOAK_BOTH = {
    **TIMES,
    "iss": _KEYCLOAK,
    "sub": "f:alice",
    "jti": "onrtac:4a0b",
    "azp": "shop-web",
    "sid": "s1",
    "acr": "1",
}
_KEYCLOAK_ID = {**_KEYCLOAK_BOTH, "aud": "shop-api", "typ": "ID", "auth_time": NOW - 60}
KEYCLOAK = Provider(
    page="keycloak.md",
    phrase="class KeycloakClaims",
    payload={
        **_KEYCLOAK_BOTH,
        "typ": "Bearer",
        "aud": ["shop-api", "account"],
        "scope": "openid orders.read",
        "realm_access": {"roles": ["staff"]},
        "resource_access": {"account": {"roles": ["view-profile"]}},
        "allowed-origins": ["*"],
        "email_verified": True,
        "preferred_username": "alice",
    },
    typed={"preferred_username": "alice", "realm_access.roles": ("staff",)},
    without_role={"realm_access": {"roles": []}},
    metadata_url=f"{_KEYCLOAK}/.well-known/openid-configuration",
    jwks_url=f"{_KEYCLOAK}/protocol/openid-connect/certs",
    jwk_members={"x5c": True, "x5t": True, "x5t#S256": True},
    other_keys=[ENCRYPTION],
    refused=[
        (_KEYCLOAK_ID, WrongTokenTypeError),
        ({**_KEYCLOAK_ID, "nonce": "n", "at_hash": "h"}, WrongTokenTypeError),
        ({"typ": "Refresh"}, WrongTokenTypeError),
        ({"aud": "account"}, InvalidAudienceError),
        ({"iss": "https://sso.example/realms/other"}, InvalidIssuerError),
    ],
)

_TENANT = "72f988bf-0000-0000-0000-2d7cd011db47"
_MICROSOFT = "https://login.microsoftonline.com"
_ENTRA_BOTH = {
    **TIMES,
    "iss": f"{_MICROSOFT}/{_TENANT}/v2.0",
    "aud": "6e74172b-0000-0000-0000-9cff0c669359",
    "nbf": NOW - 60,
    "aio": "AXQAi/8",
    "oid": "00000000-1111",
    "rh": "0.AX",
    "roles": ["Staff"],
    "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
    "tid": _TENANT,
    "uti": "u1",
    "ver": "2.0",
}
_ENTRA_JWK = {"alg": ..., "x5c": True, "x5t": True}
ENTRA = Provider(
    page="entra-id.md",
    phrase="class EntraClaims",
    payload={**_ENTRA_BOTH, "scp": "orders.read orders.write", "azp": "c1", "azpacr": "1"},
    typed={"tid": _TENANT, "oid": "00000000-1111", "roles": ("Staff",)},
    without_role={"roles": ...},
    metadata_url=f"{_MICROSOFT}/{_TENANT}/v2.0/.well-known/openid-configuration",
    jwks_url=f"{_MICROSOFT}/{_TENANT}/discovery/v2.0/keys",
    jwk_members={**_ENTRA_JWK, "issuer": f"{_MICROSOFT}/{_TENANT}/v2.0"},
    other_keys=[UNKNOWN],
    refused=[
        (_ENTRA_BOTH, WrongTokenTypeError),
        ({**_ENTRA_BOTH, "nonce": "n", "name": "Alice"}, WrongTokenTypeError),
        ({"nonce": "n"}, WrongTokenTypeError),
        ({"ver": "1.0"}, WrongTokenTypeError),
        ({"aud": "another"}, InvalidAudienceError),
        ({"iss": f"{_MICROSOFT}/another/v2.0"}, InvalidIssuerError),
    ],
)

_TENANTS = ("72f988bf-0000-0000-0000-2d7cd011db47", "9b1fe7a2-0000-0000-0000-5f0c8a5e6f0b")
_CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
_BLUE = {"iss": f"{_MICROSOFT}/{_TENANTS[1]}/v2.0", "tid": _TENANTS[1]}
ENTRA_TENANTS = Provider(
    page="entra-id.md",
    phrase="class TenantClaims",
    payload={**ENTRA.payload},
    typed={"tid": _TENANTS[0], "roles": ("Staff",)},
    also_accepted=[_BLUE],
    without_role={"roles": ...},
    jwks_url=f"{_MICROSOFT}/common/discovery/v2.0/keys",
    jwk_members={**_ENTRA_JWK, "issuer": f"{_MICROSOFT}/{{tenantid}}/v2.0"},
    other_keys=[UNKNOWN],
    refused=[
        (_ENTRA_BOTH, WrongTokenTypeError),
        ({**_ENTRA_BOTH, **_BLUE, "nonce": "n"}, WrongTokenTypeError),
        # A tenant that is not a customer has the same keys and can name the same audience.
        ({"iss": f"{_MICROSOFT}/{_CONSUMERS}/v2.0", "tid": _CONSUMERS}, InvalidIssuerError),
        ({"iss": f"{_MICROSOFT}/{{tenantid}}/v2.0", "tid": "{tenantid}"}, InvalidIssuerError),
        ({"tid": _TENANTS[1]}, InvalidClaimError),
        ({"tid": _CONSUMERS}, InvalidClaimError),
        ({"tid": ...}, MissingClaimError),
        ({"aud": "another"}, InvalidAudienceError),
    ],
)

ENTRA_V1 = Provider(
    page="entra-id.md",
    phrase="class EntraV1Claims",
    payload={
        **TIMES,
        "iss": f"https://sts.windows.net/{_TENANT}/",
        "aud": "api://shop-api",
        "nbf": NOW - 60,
        "acr": "1",
        "aio": "ATQAy/8",
        "amr": ["pwd"],
        "appid": "c1",
        "appidacr": "0",
        "ipaddr": "192.0.2.1",
        "oid": "00000000-1111",
        "rh": "0.AX",
        "roles": ["Staff"],
        "scp": "orders.read",
        "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        "tid": _TENANT,
        "unique_name": "alice@shop.example",
        "uti": "u1",
        "ver": "1.0",
    },
    typed={"tid": _TENANT, "appid": "c1"},
    without_role={"roles": ["Guest"]},
    jwks_url=f"{_MICROSOFT}/{_TENANT}/discovery/keys",
    jwk_members=_ENTRA_JWK,
    other_keys=[UNKNOWN],
    refused=[
        # An ID token of version 1.0 is for the client, and has no scp.
        ({"aud": "c1", "scp": ..., "appid": ..., "nonce": "n"}, InvalidAudienceError),
        ({"scp": ..., "appid": ...}, WrongTokenTypeError),
        ({"ver": "2.0", "iss": f"{_MICROSOFT}/{_TENANT}/v2.0"}, InvalidIssuerError),
        ({"iss": "https://sts.windows.net/another/"}, InvalidIssuerError),
    ],
)

_AUTH0 = "https://shop.eu.auth0.com/"
AUTH0 = Provider(
    page="auth0.md",
    phrase="class Auth0Claims",
    payload={
        **TIMES,
        "iss": _AUTH0,
        "sub": "auth0|123456",
        "aud": ["https://api.shop.example", "https://shop.eu.auth0.com/userinfo"],
        "azp": "my_client_id",
        "scope": "openid profile orders.read",
        "permissions": ["orders:manage"],
    },
    typed={"azp": "my_client_id", "permissions": ("orders:manage",)},
    without_role={"permissions": []},
    metadata_url=f"{_AUTH0}.well-known/openid-configuration",
    jwks_url=f"{_AUTH0}.well-known/jwks.json",
    jwk_members={"x5c": True, "x5t": True},
    refused=[
        ({"aud": "my_client_id", "azp": ..., "scope": ..., "nonce": "n"}, InvalidAudienceError),
        ({"scope": ...}, WrongTokenTypeError),
        ({"aud": "https://shop.eu.auth0.com/userinfo"}, InvalidAudienceError),
        ({"iss": _AUTH0[:-1]}, InvalidIssuerError),
    ],
)

_OKTA = "https://shop.okta.com/oauth2/default"
OKTA = Provider(
    page="okta.md",
    phrase="class OktaClaims",
    payload={
        **TIMES,
        "ver": 1,
        "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
        "iss": _OKTA,
        "aud": "api://default",
        "cid": "0oabucvyc38HLL1ef0h7",
        "uid": "00uq8hdx9nRAz9Cbn0h7",
        "scp": ["openid", "orders.read"],
        "auth_time": NOW - 60,
        "sub": "alice@shop.example",
        "groups": ["Everyone", "Staff"],
    },
    header={},
    typed={"cid": "0oabucvyc38HLL1ef0h7", "groups": ("Everyone", "Staff")},
    without_role={"groups": ["Everyone"]},
    metadata_url=f"{_OKTA}/.well-known/openid-configuration",
    jwks_url=f"{_OKTA}/v1/keys",
    refused=[
        ({"aud": "0oabucvyc38HLL1ef0h7", "cid": ..., "scp": ...}, InvalidAudienceError),
        ({"cid": ..., "jti": "ID.abc", "scp": ...}, WrongTokenTypeError),
        ({"iss": "https://shop.okta.com"}, InvalidIssuerError),
        ({"aud": "https://shop.okta.com"}, InvalidAudienceError),
    ],
)

_GOOGLE = "https://accounts.google.com"
_GOOGLE_CLIENT = "1234-web.apps.googleusercontent.com"
GOOGLE = Provider(
    page="google.md",
    phrase="class GoogleClaims",
    payload={
        **TIMES,
        "iss": _GOOGLE,
        "azp": _GOOGLE_CLIENT,
        "aud": _GOOGLE_CLIENT,
        "sub": "110169484474386276334",
        "hd": "shop.example",
        "email": "alice@shop.example",
        "email_verified": True,
        "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q",
        "nonce": "n",
        "name": "Alice",
    },
    typed={"email": "alice@shop.example", "hd": "shop.example"},
    also_accepted=[{"iss": "accounts.google.com"}, {"at_hash": ..., "nonce": ...}],
    without_role={"hd": ...},
    scope=None,
    metadata_url=f"{_GOOGLE}/.well-known/openid-configuration",
    jwks_url="https://www.googleapis.com/oauth2/v3/certs",
    refused=[
        ({"aud": "5678-other.apps.googleusercontent.com"}, InvalidAudienceError),
        ({"aud": ...}, MissingClaimError),
        ({"iss": "http://accounts.google.com"}, InvalidIssuerError),
        ({"iss": "https://accounts.google.com/"}, InvalidIssuerError),
    ],
)

_FIREBASE = "https://securetoken.google.com/shop-12345"
FIREBASE = Provider(
    page="firebase.md",
    phrase="class FirebaseClaims",
    payload={
        **TIMES,
        "role": "admin",
        "iss": _FIREBASE,
        "aud": "shop-12345",
        "auth_time": NOW - 60,
        "user_id": "tmVvS4nNJpO9e8ZqY1",
        "sub": "tmVvS4nNJpO9e8ZqY1",
        "email": "alice@shop.example",
        "email_verified": True,
        "firebase": {
            "identities": {"email": ["alice@shop.example"]},
            "sign_in_provider": "password",
        },
    },
    typed={"email": "alice@shop.example", "email_verified": True, "role": "admin"},
    without_role={"role": ...},
    scope=None,
    metadata_url=f"{_FIREBASE}/.well-known/openid-configuration",
    jwks_url=(
        "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
    ),
    refused=[
        ({"iss": "https://session.firebase.google.com/shop-12345"}, InvalidIssuerError),
        ({"iss": "https://securetoken.google.com/other"}, InvalidIssuerError),
        ({"aud": "other"}, InvalidAudienceError),
        ({"firebase": ...}, WrongTokenTypeError),
        ({"sub": ""}, MissingClaimError),
    ],
)

_SUPABASE = "https://abcdefghijklmnopqrst.supabase.co/auth/v1"
SUPABASE = Provider(
    page="supabase.md",
    phrase="class SupabaseClaims",
    payload={
        **TIMES,
        "iss": _SUPABASE,
        "sub": "123e4567-e89b-12d3-a456-426614174000",
        "aud": "authenticated",
        "email": "alice@shop.example",
        "phone": "",
        "app_metadata": {"provider": "email", "providers": ["email"], "roles": ["staff"]},
        "user_metadata": {"roles": ["admin"]},
        "role": "authenticated",
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": NOW - 60}],
        "session_id": "3f2a0b1c-0000-0000-0000-5f0c8a5e6f0b",
        "is_anonymous": False,
    },
    algorithm="ES256",
    typed={"app_metadata.roles": ("staff",), "is_anonymous": False},
    without_role={"is_anonymous": True},
    scope=None,
    jwks_url=f"{_SUPABASE}/.well-known/jwks.json",
    jwk_members={"key_ops": ["verify"], "ext": True},
    refused=[
        # The API keys of a project are signed tokens.
        (
            {"iss": "supabase", "ref": "abcdefghijklmnopqrst", "role": "anon", **TIMES},
            MissingClaimError,
        ),
        ({"iss": "supabase"}, InvalidIssuerError),
        ({"role": "anon"}, WrongTokenTypeError),
        ({"role": "service_role"}, WrongTokenTypeError),
        ({"role": "service_role", "sub": ...}, MissingClaimError),
        ({"aud": "anon"}, InvalidAudienceError),
        ({"iss": "https://other.supabase.co/auth/v1"}, InvalidIssuerError),
    ],
)

_CLERK = "https://clerk.shop.example"
CLERK = Provider(
    page="clerk.md",
    phrase="class ClerkClaims",
    payload={
        **TIMES,
        "azp": "https://shop.example",
        "fva": [7, -1],
        "iss": _CLERK,
        "jti": "1c8ad1ddc31e3ef0d6b5",
        "nbf": NOW - 60,
        "o": {"id": "org_123", "slg": "acme", "rol": "admin", "per": "read,manage", "fpm": "3"},
        "pla": "u:free",
        "sid": "sess_123",
        "sts": "active",
        "sub": "user_123",
        "v": 2,
    },
    header={"typ": "JWT", "cat": "cl_B7d4PD111AAA"},
    typed={"sid": "sess_123", "o.rol": "admin", "o.slg": "acme"},
    also_accepted=[{"sts": ...}, {"azp": "https://www.shop.example"}],
    without_role={"o": ...},
    scope=None,
    jwks_url=f"{_CLERK}/.well-known/jwks.json",
    refused=[
        # Tokens of a JWT template have no session.
        ({"sid": ..., "v": ...}, MissingClaimError),
        ({"azp": "https://evil.example"}, InvalidAudienceError),
        ({"azp": ...}, MissingClaimError),
        ({"sts": "pending"}, InvalidClaimError),
        ({"iss": "https://other.clerk.accounts.dev"}, InvalidIssuerError),
    ],
)

_HYDRA = "https://login.shop.example/"
HYDRA = Provider(
    page="ory-hydra.md",
    phrase="class HydraClaims",
    payload={
        **TIMES,
        "aud": ["shop-api"],
        "client_id": "web",
        "ext": {"roles": ["staff"]},
        "iss": _HYDRA,
        "jti": "34ab5a39-0000-0000-0000-a2a0a3a5a6a7",
        "nbf": NOW - 60,
        "scp": ["openid", "orders.read"],
        "sub": "alice",
    },
    typed={"client_id": "web", "ext.roles": ("staff",)},
    also_accepted=[{"scp": ..., "scope": "openid orders.read"}],
    without_role={"ext": {}},
    metadata_url=f"{_HYDRA}.well-known/openid-configuration",
    jwks_url=f"{_HYDRA}.well-known/jwks.json",
    other_keys=[ENCRYPTION],
    refused=[
        # An ID token has at_hash or a nonce, and no client_id.
        ({"client_id": ..., "scp": ..., "ext": ..., "at_hash": "h"}, WrongTokenTypeError),
        ({"client_id": ..., "scp": ..., "ext": ...}, WrongTokenTypeError),
        ({"aud": []}, MissingClaimError),
        ({"aud": ["web"]}, InvalidAudienceError),
        ({"iss": _HYDRA[:-1]}, InvalidIssuerError),
    ],
)

_ZITADEL = "https://shop-abc123.zitadel.cloud"
ZITADEL = Provider(
    page="zitadel.md",
    phrase="class ZitadelClaims",
    payload={
        **TIMES,
        "iss": _ZITADEL,
        "sub": "359478213648374507",
        "aud": ["358982420441159448@shop", "358982239599491392"],
        "nbf": NOW - 60,
        "jti": "V2_359478213648374507-at_359478213648440043",
        "client_id": "358982420441159448@shop",
        "urn:zitadel:iam:org:project:roles": {
            "staff": {"358981944035333912": "shop.zitadel.cloud"}
        },
    },
    typed={
        "client_id": "358982420441159448@shop",
        "roles": {"staff": {"358981944035333912": "shop.zitadel.cloud"}},
    },
    without_role={"urn:zitadel:iam:org:project:roles": ...},
    scope=None,
    metadata_url=f"{_ZITADEL}/.well-known/openid-configuration",
    jwks_url=f"{_ZITADEL}/oauth/v2/keys",
    refused=[
        # An ID token names the same client and project, but has no jti.
        ({"jti": ..., "azp": "358982420441159448@shop", "amr": ["pwd"]}, MissingClaimError),
        ({"jti": ..., "at_hash": "h", "nonce": "n"}, MissingClaimError),
        ({"aud": ["358982420441159448@shop"]}, InvalidAudienceError),
        ({"iss": "https://other.zitadel.cloud"}, InvalidIssuerError),
    ],
)

IDENTITY_PROVIDERS = {
    "cognito": COGNITO,
    "keycloak": KEYCLOAK,
    "entra": ENTRA,
    "entra-tenants": ENTRA_TENANTS,
    "entra-v1": ENTRA_V1,
    "auth0": AUTH0,
    "okta": OKTA,
    "google": GOOGLE,
    "firebase": FIREBASE,
    "supabase": SUPABASE,
    "clerk": CLERK,
    "hydra": HYDRA,
    "zitadel": ZITADEL,
}
