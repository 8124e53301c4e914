"""X.509 certificates: their public key verifies, and everything ambiguous or weak is refused."""

import datetime as dt
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa, x25519

from tests.core.key_material import (
    DER,
    EC_KEY,
    ED_KEY,
    KINDS,
    PEM,
    RSA_KEY,
    certificate,
    private_text,
    public_text,
    refused,
)
from tokenward import ConfigurationError, Key, KeyDirectory, KeyRing
from tokenward.errors import InvalidKeyError, UnknownKeyError

OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
SHORT_RSA = rsa.generate_private_key(65_537, 1024)  # noqa: S505 - which is refused


def certified(public, *, signer=EC_KEY, begin=2020, end=2021):
    """Return the PEM text of a certificate that another key has signed."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    times = [dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (begin, end)]
    builder = x509.CertificateBuilder(name, name, public, 1, *times)
    return builder.sign(signer, hashes.SHA256()).public_bytes(PEM)


EC_CERTIFICATE = certified(EC_KEY.public_key())
OTHER_CERTIFICATE = certified(OTHER_KEY.public_key())


@pytest.mark.parametrize("kind", KINDS)
def test_the_public_key_of_a_certificate_verifies_only(kind):
    """It has the algorithm and the id of its key, and cannot sign."""
    material, algorithm = KINDS[kind]
    private = Key.from_pem(private_text(material))

    key = Key.from_pem(certified(material.public_key()).decode())

    key.verify(b"message", private.sign(b"message"))
    assert (key.algorithm.name, key.kid) == (algorithm, private.kid)
    assert not key.can_sign


def test_a_certificate_has_the_options_of_a_public_key():
    """The algorithm and the key id can be given, and text may stand before the certificate."""
    pem = b"subject=CN = test\n" + certified(RSA_KEY.public_key())

    key = Key.from_pem(pem, algorithm="PS256", kid="2026-11")

    assert (key.algorithm.name, key.kid) == ("PS256", "2026-11")


@pytest.mark.parametrize(("begin", "end"), [(2020, 2021), (2090, 2099)], ids=["past", "future"])
def test_the_dates_of_a_certificate_are_not_checked(begin, end):
    """A key outlives the moment at which it is loaded, so a check there would promise too much."""
    pem = certified(EC_KEY.public_key(), begin=begin, end=end)

    assert Key.from_pem(pem).kid == Key.from_pem(public_text(EC_KEY)).kid


@pytest.mark.parametrize(
    "pem",
    [
        EC_CERTIFICATE + OTHER_CERTIFICATE,
        EC_CERTIFICATE + EC_CERTIFICATE,
        EC_CERTIFICATE + private_text(EC_KEY),
        private_text(EC_KEY) + EC_CERTIFICATE,
        private_text(EC_KEY, password=b"password") + EC_CERTIFICATE,
        EC_CERTIFICATE + public_text(EC_KEY),
        public_text(EC_KEY) + public_text(OTHER_KEY),
        private_text(EC_KEY) + private_text(OTHER_KEY),
        private_text(EC_KEY) + public_text(OTHER_KEY),
    ],
    ids=range(9),
)
def test_several_keys_or_certificates_in_one_text_are_refused(pem):
    """The first one would be used, whatever the other is for."""
    assert "several keys or certificates" in refused(lambda: Key.from_pem(pem), pem)


def test_the_parameters_before_an_ec_key_are_no_second_key():
    """`openssl ecparam -genkey` writes the name of the curve first."""
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"

    assert Key.from_pem(parameters + private_text(EC_KEY)).can_sign


@pytest.mark.parametrize(
    "public",
    [
        SHORT_RSA.public_key(),
        dsa.generate_private_key(2048).public_key(),
        x25519.X25519PrivateKey.generate().public_key(),
        ec.generate_private_key(ec.SECP224R1()).public_key(),
        ec.generate_private_key(ec.BrainpoolP256R1()).public_key(),
    ],
    ids=["RSA with 1024 bits", "DSA", "X25519", "P-224", "Brainpool"],
)
def test_the_key_of_a_certificate_is_checked_like_any_other(public):
    """A short RSA key and a key that cannot sign tokens are refused."""
    pem = certified(public)

    refused(lambda: Key.from_pem(pem), pem)


@pytest.mark.parametrize(
    "pem",
    [
        EC_CERTIFICATE[:90],
        EC_CERTIFICATE.replace(b"M", b"N", 1),
        EC_CERTIFICATE.replace(b"-----END", b"A\n-----END"),
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n",
        public_text(EC_KEY).replace(b"PUBLIC KEY", b"CERTIFICATE"),
        EC_CERTIFICATE.replace(b"CERTIFICATE", b"PUBLIC KEY"),
        EC_CERTIFICATE.replace(b"CERTIFICATE", b"CERTIFICATE REQUEST"),
        EC_CERTIFICATE.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
        certificate(EC_KEY).public_bytes(DER),
    ],
    ids=range(10),
)
def test_what_is_not_a_certificate_is_refused(pem):
    """Cut, damaged and mislabelled text is refused, and not repeated."""
    assert "BEGIN CERTIFICATE" in refused(lambda: Key.from_pem(pem), pem)


def test_a_certificate_of_an_unknown_version_is_refused():
    """X.509 has the versions 1 to 3."""
    version = bytes.fromhex("a003020102")
    der = certificate(EC_KEY).public_bytes(DER)
    assert der.count(version) == 1
    odd = x509_pem(der.replace(version, bytes.fromhex("a003020109")))

    refused(lambda: Key.from_pem(odd), odd)


def x509_pem(der):
    """Return DER as the PEM text of a certificate."""
    return ssl.DER_cert_to_PEM_cert(der)


def test_a_certificate_has_no_password():
    """A password means that the file is the wrong one."""
    message = refused(lambda: Key.from_pem(EC_CERTIFICATE, password="hunter2hunter2"))
    assert "not encrypted" in message


def test_a_certificate_in_a_key_directory_verifies(tmp_path):
    """Next to the private key that signs, it is one of the keys that verify."""
    (tmp_path / "old.pem").write_bytes(OTHER_CERTIFICATE)
    (tmp_path / "new.pem").write_bytes(private_text(ED_KEY))
    (tmp_path / "new.pem").chmod(0o600)

    ring = KeyDirectory(tmp_path).load()

    assert [key.can_sign for key in ring] == [True, False]


def test_a_map_of_certificates_is_a_ring_that_verifies():
    """Each key is found by its id alone; public keys in PEM are accepted too (Google IAP)."""
    ring = KeyRing.from_pem_map(
        {"one": EC_CERTIFICATE, "two": OTHER_CERTIFICATE.decode(), "three": public_text(RSA_KEY)}
    )

    assert [(key.kid, key.algorithm.name) for key in ring] == [
        ("one", "ES256"),
        ("two", "ES256"),
        ("three", "RS256"),
    ]
    assert not ring.can_sign
    signature = Key.from_pem(private_text(OTHER_KEY)).sign(b"message")
    ring.find(kid="two", algorithm="ES256").verify(b"message", signature)
    with pytest.raises(UnknownKeyError):
        ring.find(kid="four", algorithm="ES256")
    with pytest.raises(UnknownKeyError):
        ring.find(kid=None, algorithm="ES256")


def test_the_algorithm_of_a_map_must_fit_every_key():
    """An RSA key gets the algorithm, and a key of another kind is refused."""
    rsa_certificate = certified(RSA_KEY.public_key())
    ring = KeyRing.from_pem_map({"one": rsa_certificate}, algorithm="PS256")
    assert ring.active.algorithm.name == "PS256"
    for algorithm in ("ES256", "HS256", "none"):
        with pytest.raises(ConfigurationError, match=r"^Key 0: "):
            KeyRing.from_pem_map({"one": rsa_certificate}, algorithm=algorithm)


@pytest.mark.parametrize(
    ("second", "fault"),
    [
        (private_text(OTHER_KEY), "is private"),
        (OTHER_CERTIFICATE + private_text(OTHER_KEY), "several keys"),
        (OTHER_CERTIFICATE[:90], "not a PEM key"),
        ("hunter2", "not a PEM key"),
        (None, "text or bytes"),
        (certified(SHORT_RSA.public_key()), "1024 bits"),
    ],
    ids=range(6),
)
def test_one_unusable_member_refuses_the_map(second, fault):
    """The error names the member by its position, and repeats neither its id nor its text."""
    pems = {"key-of-2026": EC_CERTIFICATE, "key-of-2027": second}

    message = refused(
        lambda: KeyRing.from_pem_map(pems), *pems, second or "", error=ConfigurationError
    )

    assert message.startswith("Key 1: ")
    assert fault in message


@pytest.mark.parametrize(
    "pems",
    [None, [], {}, EC_CERTIFICATE, [EC_CERTIFICATE], {None: EC_CERTIFICATE}, {7: EC_CERTIFICATE}],
    ids=range(7),
)
def test_what_is_not_a_map_of_key_ids_is_refused(pems):
    """The error shows the form that is expected."""
    assert "mapping from key ids" in refused(
        lambda: KeyRing.from_pem_map(pems), error=ConfigurationError
    )


def test_an_empty_key_id_is_refused():
    """A header never has an empty `kid`."""
    with pytest.raises(InvalidKeyError, match="Key 0: The key id must be text"):
        KeyRing.from_pem_map({"": EC_CERTIFICATE})
