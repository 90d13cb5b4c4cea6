"""TLS and DTLS in memory: bytes in, bytes out, and what the certificates say.

The handshake goes on past every certificate error and collects them, because the probe wants all
of them and the conversation that follows; whoever reads the report decides whether to trust it.
"""

import datetime as dt
import fnmatch
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL, crypto

from voicectl.errors import SetupError

__all__ = ["Certificate", "SecureLayer", "SecureLayerFailed", "TlsReport", "TrustStore"]

_DTLS_MTU = 1200
_BIO_READ = 65_536
_MAXIMUM_NAME = 253
_VERIFY_EXPIRED = {9, 10}
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""
_VERIFY_UNTRUSTED = {2, 18, 19, 20, 21, 27}
"""No issuer found, self-signed, unable to verify the first certificate, untrusted."""


class SecureLayerFailed(Exception):  # noqa: N818 - an outcome, named like PathFailed
    """The peer sent an alert, or bytes that are no TLS."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate of a chain, in text."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: dt.datetime
    not_after: dt.datetime
    fingerprint_sha256: str


@dataclass(frozen=True, slots=True)
class TlsReport:
    """What a handshake showed."""

    version: str
    cipher: str
    chain: tuple[Certificate, ...]
    verify_errors: tuple[tuple[int, int, str], ...]
    """OpenSSL's error numbers with depth and text, in the order in which they came."""
    server_name: str
    name_matches: bool

    @property
    def expired(self) -> bool:
        """Whether a certificate of the chain is past its end, or not yet valid."""
        return any(code in _VERIFY_EXPIRED for code, _, _ in self.verify_errors)

    @property
    def untrusted(self) -> bool:
        """Whether the chain ends in no certificate authority that is trusted here."""
        return any(code in _VERIFY_UNTRUSTED for code, _, _ in self.verify_errors)

    @property
    def valid(self) -> bool:
        """Whether a browser would accept it."""
        return not self.verify_errors and self.name_matches

    @property
    def issuer(self) -> str:
        """Who issued the server's certificate."""
        return self.chain[0].issuer if self.chain else ""


class TrustStore:
    """The certificate authorities to trust: the system's, or those in a PEM file alone."""

    def __init__(self, ca_file: Path | None = None) -> None:
        self.ca_file = ca_file

    def context(self, method: int) -> SSL.Context:
        """A context that trusts them.

        Raises:
            SetupError: the file can't be read or holds no certificate.
        """
        context = SSL.Context(method)
        if self.ca_file is None:
            context.set_default_verify_paths()
            return context
        try:
            context.load_verify_locations(str(self.ca_file))
        except SSL.Error as error:
            raise SetupError(
                f"`{self.ca_file}` holds no certificate authority",
                hint="--ca takes a PEM file with one or more certificates",
            ) from error
        return context


class SecureLayer:
    """A TLS or DTLS client over memory. Drive it with `feed` and send what `outgoing` gives."""

    def __init__(self, server_name: str, trust: TrustStore, *, datagrams: bool) -> None:
        self._server_name = server_name
        self._errors: list[tuple[int, int, str]] = []
        context = trust.context(SSL.DTLS_CLIENT_METHOD if datagrams else SSL.TLS_CLIENT_METHOD)
        context.set_verify(SSL.VERIFY_PEER, self._on_verify)
        if datagrams:
            context.set_options(SSL.OP_NO_QUERY_MTU)
        self._connection = SSL.Connection(context, None)
        if not _is_ip(server_name):
            self._connection.set_tlsext_host_name(server_name.encode("idna"))
        if datagrams:
            self._connection.set_ciphertext_mtu(_DTLS_MTU)
        self._connection.set_connect_state()
        self.established = False

    def handshake(self, data: bytes = b"") -> bytes:
        """Go on with the handshake; returns what to send.

        Raises:
            SecureLayerFailed: it can't go on.
        """
        if data:
            self._connection.bio_write(data)
        try:
            self._connection.do_handshake()
            self.established = True
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            raise SecureLayerFailed(_error_text(error)) from error
        return self.outgoing()

    def resend(self) -> bytes:
        """A DTLS flight again, if its time has come."""
        self._connection.DTLSv1_handle_timeout()
        return self.outgoing()

    def outgoing(self) -> bytes:
        """Ciphertext to send."""
        pieces = b""
        while True:
            try:
                pieces += self._connection.bio_read(_BIO_READ)
            except SSL.WantReadError:
                return pieces

    def encrypt(self, data: bytes) -> bytes:
        """Ciphertext for `data`."""
        try:
            self._connection.send(data)
        except SSL.Error as error:
            raise SecureLayerFailed(_error_text(error)) from error
        return self.outgoing()

    def decrypt(self, data: bytes) -> list[bytes]:
        """The plaintext that `data` completes; over DTLS one item a record."""
        self._connection.bio_write(data)
        found: list[bytes] = []
        while True:
            try:
                found.append(self._connection.recv(_BIO_READ))
            except SSL.WantReadError:
                return found
            except SSL.ZeroReturnError as error:
                raise SecureLayerFailed("the peer closed the session") from error
            except SSL.Error as error:
                raise SecureLayerFailed(_error_text(error)) from error

    def report(self) -> TlsReport:
        """What was seen; to be asked for once the handshake is over."""
        chain = tuple(_describe(each) for each in self._connection.get_peer_cert_chain() or ())
        return TlsReport(
            version=self._connection.get_protocol_version_name(),
            cipher=self._connection.get_cipher_name() or "",
            chain=chain,
            verify_errors=tuple(dict.fromkeys(self._errors)),
            server_name=self._server_name,
            name_matches=bool(chain) and _name_matches(self._server_name, chain[0].names),
        )

    def _on_verify(
        self, _: SSL.Connection, __: crypto.X509, number: int, depth: int, ___: int
    ) -> bool:
        if number:
            text = _VERIFY_TEXT.get(number, f"X509 verify error {number}")
            self._errors.append((number, depth, text))
        return True


_VERIFY_TEXT = {
    2: "unable to get issuer certificate",
    9: "certificate is not yet valid",
    10: "certificate has expired",
    18: "self-signed certificate",
    19: "self-signed certificate in the chain",
    20: "unable to get local issuer certificate",
    21: "unable to verify the first certificate",
    23: "certificate revoked",
    26: "certificate is not meant for a server",
    27: "certificate not trusted",
}


def _describe(certificate: crypto.X509) -> Certificate:
    parsed = certificate.to_cryptography()
    return Certificate(
        subject=_name_text(parsed.subject),
        issuer=_name_text(parsed.issuer),
        names=_names(parsed),
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        fingerprint_sha256=parsed.fingerprint(hashes.SHA256()).hex(),
    )


def _name_text(name: x509.Name) -> str:
    """The common name, or else the whole distinguished name."""
    for attribute in name.get_attributes_for_oid(x509.NameOID.COMMON_NAME):
        return _clean(str(attribute.value))
    return _clean(name.rfc4514_string())


def _clean(text: str) -> str:
    """A peer's text without what moves a terminal's cursor, and not a kilobyte of it."""
    return "".join(each for each in text[:_MAXIMUM_NAME] if each.isprintable())


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    alternatives = extension.value
    addresses = alternatives.get_values_for_type(x509.IPAddress)
    names = alternatives.get_values_for_type(x509.DNSName)
    return (*(_clean(each) for each in names), *(str(each) for each in addresses))


def _name_matches(server_name: str, names: tuple[str, ...]) -> bool:
    """RFC 9525 §6.3: exact, or a wildcard for the whole left-most label."""
    wanted = server_name.lower().rstrip(".")
    for name in names:
        pattern = name.lower()
        if pattern == wanted:
            return True
        if pattern.startswith("*.") and not _is_ip(wanted) and "*" not in pattern[1:]:
            same_depth = wanted.count(".") == pattern.count(".")
            if same_depth and fnmatch.fnmatchcase(wanted, pattern):
                return True
    return False


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _error_text(error: SSL.Error) -> str:
    """The last reason in OpenSSL's queue."""
    if isinstance(error, SSL.SysCallError):
        return "unexpected end of the connection"
    if error.args and isinstance(error.args[0], list) and error.args[0]:
        return str(error.args[0][-1][-1])
    return "TLS error"
