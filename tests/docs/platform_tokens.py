"""What proxies, CI systems and Kubernetes send, and what their recipes must refuse."""

from functools import partial

from tests.docs.providers import TIMES, Provider
from tests.support import NOW
from tokenward.errors import (
    InvalidAudienceError,
    InvalidIssuerError,
    MissingClaimError,
    WrongTokenTypeError,
)

_provider = partial(Provider, scope=None)

_TEAM = "https://shop.cloudflareaccess.com"
CLOUDFLARE = _provider(
    page="cloudflare-access.md",
    phrase="class AccessClaims",
    payload={
        **TIMES,
        "aud": ["32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228"],
        "email": "alice@shop.example",
        "nbf": NOW - 60,
        "iss": _TEAM,
        "type": "app",
        "identity_nonce": "6ei69kawdKzMIAPF",
        "sub": "7335d417-61da-459d-899c-0a01c76a2f94",
        "country": "US",
    },
    typed={"email": "alice@shop.example"},
    without_role={"email": "bob@evil.example"},
    jwks_url=f"{_TEAM}/cdn-cgi/access/certs",
    set_members={"public_cert": {"kid": "1", "cert": "-----BEGIN"}, "public_certs": []},
    token_header=b"cf-access-jwt-assertion",
    refused=[
        ({"type": "org"}, WrongTokenTypeError),
        ({"sub": "", "common_name": "e367.access", "email": ...}, MissingClaimError),
        ({"aud": ["another"]}, InvalidAudienceError),
        ({"iss": "https://evil.cloudflareaccess.com"}, InvalidIssuerError),
    ],
)

IAP = _provider(
    page="google-iap.md",
    phrase="class IapClaims",
    payload={
        **TIMES,
        "iss": "https://cloud.google.com/iap",
        "sub": "accounts.google.com:1234567890",
        "aud": "/projects/1234567890/global/backendServices/9876543210",
        "email": "alice@shop.example",
        "hd": "shop.example",
        "google": {"access_levels": ["accessPolicies/1/accessLevels/a"]},
    },
    algorithm="ES256",
    typed={"email": "alice@shop.example", "hd": "shop.example"},
    without_role={"hd": ...},
    jwks_url="https://www.gstatic.com/iap/verify/public_key-jwk",
    token_header=b"x-goog-iap-jwt-assertion",
    refused=[
        ({"aud": "/projects/1234567890/global/backendServices/1"}, InvalidAudienceError),
        ({"aud": ...}, MissingClaimError),
        ({"iss": "https://accounts.google.com"}, InvalidIssuerError),
    ],
)

_ACTIONS = "https://token.actions.githubusercontent.com"
GITHUB = _provider(
    page="github-actions.md",
    phrase="class ActionsClaims",
    payload={
        **TIMES,
        "jti": "example-id",
        "sub": "repo:shop/orders:ref:refs/heads/main",
        "aud": "https://deploy.shop.example",
        "ref": "refs/heads/main",
        "sha": "example-sha",
        "repository": "shop/orders",
        "repository_id": "74",
        "repository_owner": "shop",
        "repository_owner_id": "65",
        "event_name": "push",
        "runner_environment": "github-hosted",
        "iss": _ACTIONS,
        "nbf": NOW - 660,
    },
    header={"typ": "JWT", "x5t": "example-thumbprint"},
    typed={"repository_id": "74", "ref": "refs/heads/main"},
    without_role={"ref": "refs/pull/1/merge"},
    metadata_url=f"{_ACTIONS}/.well-known/openid-configuration",
    jwks_url=f"{_ACTIONS}/.well-known/jwks",
    jwk_members={"x5c": True, "x5t": True},
    refused=[
        ({"repository_owner_id": "66"}, WrongTokenTypeError),
        ({"aud": "https://github.com/shop"}, InvalidAudienceError),
        ({"iss": f"{_ACTIONS}/enterprise"}, InvalidIssuerError),
    ],
)

GITLAB = _provider(
    page="gitlab-ci.md",
    phrase="class JobClaims",
    payload={
        **TIMES,
        "namespace_id": "72",
        "namespace_path": "shop",
        "project_id": "22",
        "project_path": "shop/orders",
        "user_login": "alice",
        "pipeline_source": "web",
        "ref": "main",
        "ref_type": "branch",
        "ref_protected": "true",
        "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
        "iss": "https://gitlab.com",
        "nbf": NOW - 65,
        "sub": "project_path:shop/orders:ref_type:branch:ref:main",
        "aud": "https://deploy.shop.example",
    },
    typed={"project_path": "shop/orders", "ref": "main"},
    without_role={"ref_protected": "false"},
    metadata_url="https://gitlab.com/.well-known/openid-configuration",
    jwks_url="https://gitlab.com/oauth/discovery/keys",
    refused=[
        ({"project_id": ..., "sub": "42"}, WrongTokenTypeError),
        ({"project_id": "23"}, WrongTokenTypeError),
        ({"aud": "https://vault.shop.example"}, InvalidAudienceError),
        ({"iss": "https://gitlab.example"}, InvalidIssuerError),
    ],
)

_CLUSTER = "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
KUBERNETES = _provider(
    page="kubernetes.md",
    phrase="class PodClaims",
    payload={
        **TIMES,
        "aud": ["shop-api"],
        "iss": _CLUSTER,
        "jti": "e51f1fbc-4733-4b85-a59f-ba80c0523874",
        "kubernetes.io": {
            "namespace": "billing",
            "node": {"name": "worker", "uid": "517eb86e"},
            "pod": {"name": "invoices-0", "uid": "0d8b260e"},
            "serviceaccount": {"name": "invoices", "uid": "e6a8680e"},
            "warnafter": NOW + 3000,
        },
        "nbf": NOW - 60,
        "sub": "system:serviceaccount:billing:invoices",
    },
    header={},
    typed={"kubernetes.namespace": "billing", "kubernetes.serviceaccount.name": "invoices"},
    without_role={"kubernetes.io": {"namespace": "web", "serviceaccount": {"name": "default"}}},
    metadata_url=f"{_CLUSTER}/.well-known/openid-configuration",
    jwks_url=f"{_CLUSTER}/keys",
    refused=[
        ({"aud": ["https://kubernetes.default.svc"]}, InvalidAudienceError),
        ({"kubernetes.io": ...}, MissingClaimError),
        # A token of a secret, as older clusters have them, never expires.
        ({"iss": "kubernetes/serviceaccount"}, InvalidIssuerError),
        ({"exp": ...}, MissingClaimError),
    ],
)

PLATFORMS = {
    "cloudflare": CLOUDFLARE,
    "iap": IAP,
    "github": GITHUB,
    "gitlab": GITLAB,
    "kubernetes": KUBERNETES,
}
