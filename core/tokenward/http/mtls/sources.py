"""Where the certificate of a client comes from: the server, or a proxy in front of it."""

import re
from collections.abc import Collection, Iterable
from ipaddress import (
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
)
from typing import Final, TypeAlias

from tokenward._arguments import kind_of, refuse
from tokenward.errors import KeyBindingError
from tokenward.http.carriers import check_field_name, check_names
from tokenward.http.mtls.certificates import certificate_thumbprint, thumbprint_of_digest
from tokenward.http.mtls.formats import DIGESTS, HEADERS, CertificateFormat
from tokenward.http.request import RequestView

__all__ = ["ForwardedCertificate", "TlsCertificate"]

_Network: TypeAlias = IPv4Network | IPv6Network

_UNIX: Final = "unix"
_MAPPED_BITS: Final = 96
_OF_ADDRESSES: Final = (b"x-forwarded-for", b"forwarded", b"x-real-ip")
_PROXIES: Final = "proxies must name the addresses of your proxies, as in proxies=['10.0.0.7']"


class TlsCertificate:
    """The certificate with which the client opened the connection to this server.

    ::

        auth = TokenAuth(engine, mtls=TlsCertificate())

    The server passes it on by the TLS extension of ASGI (``client_cert_chain``). If your server does
    not, every bound token is refused. A proxy that ends TLS hides the certificate: see
    `ForwardedCertificate`.

    Not checked: who issued the certificate, and whether it has expired. That is for the server.
    """

    __slots__ = ()

    def thumbprint(self, request: RequestView) -> str | None:
        """Return the ``x5t#S256`` of the certificate; None: the client has sent none.

        Raises:
            KeyBindingError: the server has refused the certificate, or passes on something else.
        """
        tls = request.tls
        chain = tls.get("client_cert_chain") or ()
        if tls.get("client_cert_error"):
            raise KeyBindingError
        if not isinstance(chain, Iterable) or isinstance(chain, str | bytes):
            raise KeyBindingError
        pem = next(iter(chain), None)
        if pem is None:
            return None
        if not isinstance(pem, str):
            raise KeyBindingError
        try:
            return certificate_thumbprint(pem)
        except ValueError as exc:
            raise KeyBindingError from exc


class ForwardedCertificate:
    """The certificate that a proxy in front of this server has verified, in a header.

    ::

        auth = TokenAuth(engine, mtls=ForwardedCertificate("rfc9440", proxies=["10.0.0.7"]))

    Whoever can send the header can use every bound token. So the header counts only on a connection
    from one of `proxies`, and the proxy must replace the header of the client.
    """

    __slots__ = ("_accepts_unix", "_digest", "_header", "_networks")

    def __init__(
        self,
        format: CertificateFormat,
        *,
        proxies: Collection[str],
        header: str | None = None,
    ) -> None:
        """Name the proxies and what they send.

        Args:
            format: ``"rfc9440"``: a Byte Sequence (RFC 9440), usually in ``Client-Cert``.
                ``"envoy"``: the ``Hash`` of ``X-Forwarded-Client-Cert``, with exactly one element:
                set ``forward_client_cert_details: SANITIZE_SET``. ``"escaped-pem"``: URL-encoded PEM,
                such as ``$ssl_client_escaped_cert`` of nginx.
            proxies: the addresses, or networks in CIDR notation, from which your proxies connect to
                this server; or ``"unix"`` for a Unix socket. Nobody else may connect from there.
            header: the name of the header, in any case. None: the usual one of the format, which
                ``"escaped-pem"`` has not.

        Raises:
            ConfigurationError: an argument is invalid.
        """
        if format not in DIGESTS:
            refuse("format must be 'rfc9440', 'envoy' or 'escaped-pem'.")
        name = HEADERS[format] if header is None else header
        if name is None:
            refuse("header is required with 'escaped-pem', as in header='X-Client-Cert'.")
        check_names(name)
        check_field_name(name)
        self._digest = DIGESTS[format]
        self._header = name.lower().encode()
        self._networks = _checked_networks(proxies)
        self._accepts_unix = _UNIX in proxies

    def thumbprint(self, request: RequestView) -> str | None:
        """Return the ``x5t#S256`` of the certificate; None: the client has sent none.

        Raises:
            KeyBindingError: the header is there twice, is malformed, or is not from a proxy.
        """
        values = request.header_values(self._header)
        if not values:
            return None
        # A header of a stranger is not even read.
        if len(values) > 1 or not self._is_from_proxy(request):
            raise KeyBindingError
        digest = self._digest(values[0])
        if digest is None:
            raise KeyBindingError
        return thumbprint_of_digest(digest)

    def _is_from_proxy(self, request: RequestView) -> bool:
        host = request.client_host
        if host is None:
            return self._accepts_unix
        try:
            address = ip_address(host)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if not any(address in network for network in self._networks):
            return False
        # A server that trusts every address of these headers would report what a client wrote there.
        # Without the zone (RFC 4007 §11), in which a client can write what the server decodes otherwise.
        written = _written_as(host.partition("%")[0])
        return not any(
            written.search(value) for name in _OF_ADDRESSES for value in request.header_values(name)
        )


def _written_as(host: str) -> re.Pattern[bytes]:
    """Return what finds an address in a header, but no longer address that contains it."""
    longer = rb"[0-9A-Fa-f]|[.:][0-9A-Fa-f]" if ":" in host else rb"[0-9]|\.[0-9]"
    return re.compile(rb"(?<![0-9A-Fa-f.])%b(?!%b)" % (re.escape(host.encode()), longer))


def _checked_networks(proxies: Collection[str]) -> tuple[_Network, ...]:
    if isinstance(proxies, str) or not isinstance(proxies, Collection):
        refuse(f"{_PROXIES}, not {kind_of(proxies)}.")
    if not proxies:
        refuse(f"{_PROXIES}: without one, no header would count.")
    networks = [_checked_network(each) for each in proxies if each != _UNIX]
    collapsed: tuple[_Network, ...] = (
        *collapse_addresses(each for each in networks if isinstance(each, IPv4Network)),
        *collapse_addresses(each for each in networks if isinstance(each, IPv6Network)),
    )
    if any(each.prefixlen == 0 for each in collapsed):
        refuse(f"{_PROXIES}: these networks are every address, so everybody could send the header.")
    return collapsed


def _checked_network(proxy: object) -> _Network:
    if not isinstance(proxy, str):
        refuse(f"{_PROXIES}, not {kind_of(proxy)}.")
    try:
        network = ip_network(proxy)
    except ValueError:
        network = None
    if network is None:
        refuse(f"{_PROXIES}, a network as '10.0.0.0/24', or 'unix'; a host name is none of these.")
    # A server that listens on both protocols reports ::ffff:10.0.0.7 (RFC 4291 §2.5.5.2).
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is not None and network.prefixlen >= _MAPPED_BITS:
        network = ip_network((mapped, network.prefixlen - _MAPPED_BITS))
    return network
