"""Tokens that are bound to the TLS certificate of the client (RFC 8705 §3)."""

from tokenward.http.mtls.certificates import certificate_thumbprint
from tokenward.http.mtls.formats import CertificateFormat
from tokenward.http.mtls.sources import ForwardedCertificate, TlsCertificate

__all__ = ["CertificateFormat", "ForwardedCertificate", "TlsCertificate", "certificate_thumbprint"]
