"""The farm's certificate authority: made once by ``afserver init``, signs the server's certificate and those of nodes.

Rules of this file:
- Keys are files of mode 0600 in a folder of mode 0700; one that others may read stops the start with a sentence.
- Who trusts this authority trusts it for this farm alone, so certificates are told apart by what they are for: the
  server's is none of a client, and a node's none of a server.
- Imported when there is an authority or one is made: the library takes a while.
"""

import datetime
import ipaddress
import os
import shutil
import socket
import ssl
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from afcore.errors import ConfigError, Conflict, Rejected
from afnet.api.trust import fingerprint_of

__all__ = [
    "Authority", "Signed", "authority_folder", "has_authority", "make_authority", "request_fingerprint",
]  # fmt: skip

_YEAR = datetime.timedelta(days=365)
_AUTHORITY_YEARS = 30
_SERVER_YEARS = 10
_NODE_YEARS = 10
_RENEW_BEFORE = 5 * _YEAR
_EARLY = datetime.timedelta(days=1)
"""Clocks of nodes may be behind."""
_REQUEST_MOST = 16384


class Signed(NamedTuple):
    """A node's certificate that was just signed."""

    pem: str
    serial: str
    """Hexadecimal."""
    fingerprint: str
    """SHA-256 of the certificate."""
    expires: float
    """Unix seconds."""


def authority_folder(data: Path) -> Path:
    """Return where the authority of the server with this data folder lies."""
    return data / "authority"


def has_authority(data: Path) -> bool:
    """Say whether ``afserver init`` was done for this data folder."""
    return (authority_folder(data) / "authority.pem").exists()


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def make_authority(data: Path, *, now: float) -> Path:
    """Make a new authority beside its final place and return that folder; ``Path.rename`` puts it into effect.

    Raises Conflict when there is one already, ConfigError when the folder cannot be written.
    """
    if has_authority(data):
        raise Conflict(
            f"This farm has its certificate authority already: {authority_folder(data)}.",
            hint="`afcmd node code` makes another pairing code, `afcmd account add` another account.",
        )
    key = ec.generate_private_key(ec.SECP256R1())
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    name = _name(f"farm of {socket.gethostname()}")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - _EARLY)
        .not_valid_after(moment + _AUTHORITY_YEARS * _YEAR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = data / "authority.new"
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        _write(folder / "authority.key", _private(key), 0o600)
        _write(folder / "authority.pem", _pem(certificate).encode(), 0o644)
    except OSError as error:
        raise ConfigError(str(folder), "", f"can not be written: {error.strerror or error}") from None
    return folder


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=signs, crl_sign=signs, encipher_only=False, decipher_only=False,
    )  # fmt: skip


class Authority:
    """The authority of a farm."""

    def __init__(self, folder: Path) -> None:
        """Raises ConfigError when a file is missing, broken, or readable by others."""
        self._folder = folder
        try:
            self._key = _read_key(folder / "authority.key")
            text = (folder / "authority.pem").read_text(encoding="ascii")
            self._certificate = x509.load_pem_x509_certificate(text.encode())
        except (OSError, ValueError) as error:
            raise ConfigError(
                str(folder), "", f"the farm's certificate authority can not be read: {error}",
                hint="put the folder back from a copy; without it every node has to be paired anew",
            ) from None  # fmt: skip
        self.pem = text
        """The authority's certificate, which clients pin."""
        self.fingerprint = fingerprint_of(text)
        """SHA-256 of that certificate."""

    def server_context(self, names: Iterable[str], *, now: float) -> ssl.SSLContext:
        """Return how the server speaks TLS: 1.3, with a certificate for ``names``, asking callers for theirs."""
        path = self._folder / "server.pem"
        wanted = sorted({*names})
        if not self._is_good(path, wanted, now):
            self._issue_server(path, wanted, now)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(path)
        context.load_verify_locations(cadata=self.pem)
        context.verify_mode = ssl.CERT_OPTIONAL
        # Callers stay for days: a ticket to resume would cost each handshake more than it ever saves.
        context.num_tickets = 0
        return context

    def _is_good(self, path: Path, names: list[str], now: float) -> bool:
        """Say whether the server's certificate is for these names, of this authority, and lasts."""
        try:
            _check_private(path)
            found = x509.load_pem_x509_certificate(path.read_bytes())
            found.verify_directly_issued_by(self._certificate)
            named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False
        has = sorted(str(each.value) for each in named)
        lasts = found.not_valid_after_utc - datetime.datetime.fromtimestamp(now, datetime.UTC)
        return has == sorted(str(each.value) for each in _alternatives(names)) and lasts > _RENEW_BEFORE

    def _issue_server(self, path: Path, names: list[str], now: float) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(
            key.public_key(), socket.gethostname(), now, _SERVER_YEARS, ExtendedKeyUsageOID.SERVER_AUTH, names
        )
        fresh = path.with_name("server.pem.new")
        try:
            fresh.unlink(missing_ok=True)
            _write(fresh, _private(key) + _pem(certificate).encode() + self.pem.encode(), 0o600)
            os.replace(fresh, path)
        except OSError as error:
            raise ConfigError(str(path), "", f"can not be written: {error.strerror or error}") from None

    def sign_node(self, request: str, name: str, *, now: float) -> Signed:
        """Sign a node's request for a certificate in ``name``, whatever name the request says.

        Raises Rejected when it is no request that was signed with its own key, an elliptic one.
        """
        wanted = _read_request(request)
        public = wanted.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        certificate = self._sign(public, name, now, _NODE_YEARS, ExtendedKeyUsageOID.CLIENT_AUTH, ())
        pem = _pem(certificate)
        expires = certificate.not_valid_after_utc.timestamp()
        return Signed(pem, f"{certificate.serial_number:x}", fingerprint_of(pem), expires)

    def _sign(
        self, public: ec.EllipticCurvePublicKey, common: str, now: float, years: int,
        purpose: x509.ObjectIdentifier, names: Iterable[str],
    ) -> x509.Certificate:  # fmt: skip
        moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common))
            .issuer_name(self._certificate.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment - _EARLY)
            .not_valid_after(min(moment + years * _YEAR, self._certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        alternatives = _alternatives(names)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def request_fingerprint(request: str) -> str:
    """Return the SHA-256 of the key in a request, which node and administrator can compare; Rejected as signing."""
    public = _read_request(request).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    digest = hashes.Hash(hashes.SHA256())
    digest.update(public.public_bytes(serialization.Encoding.DER, form))
    return digest.finalize().hex()


def _read_request(request: str) -> x509.CertificateSigningRequest:
    try:
        if len(request) > _REQUEST_MOST:
            raise ValueError
        wanted = x509.load_pem_x509_csr(request.encode("ascii"))
        if not wanted.is_signature_valid or not isinstance(wanted.public_key(), ec.EllipticCurvePublicKey):
            raise ValueError
    except (ValueError, TypeError, InvalidSignature):
        raise Rejected(
            "This is no request for a certificate.", hint="`afrender --pair` makes them.", code="bad_arguments"
        ) from None
    return wanted


def _alternatives(names: Iterable[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name.partition("%")[0])))
        except ValueError:
            if name.isascii() and name:
                found.append(x509.DNSName(name))
    return found


def _check_private(path: Path) -> None:
    """Raise ConfigError when others may read a key."""
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            str(path), "", "others may read this key", hint=f"chmod 600 {path}, if nobody had the time to copy it"
        )


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    _check_private(path)
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("authority.key holds another kind of key")
    return key
