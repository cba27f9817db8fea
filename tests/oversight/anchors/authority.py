"""A timestamp authority on loopback: real RFC 3161 answers, and the wrong ones it is asked for."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DER = serialization.Encoding.DER
PEM = serialization.Encoding.PEM


class Signer:
    """A root certificate, and below it the certificate and key that sign timestamps."""

    def __init__(self, name: str) -> None:
        root_key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self.key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        root_name = _named(f"{name} root")
        root = (
            _builder(root_name, root_name, root_key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        self.certificate = (
            _builder(_named(f"{name} stamps"), root_name, self.key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True
            )
            .sign(root_key, hashes.SHA256())
        )
        self.root_pem = root.public_bytes(PEM).decode()

    def answer(self, query: bytes, wrong: str = "") -> bytes:
        """The answer to a request (DER), honest or wrong as asked."""
        if wrong == "garbage":
            return b"\x30\x82\xff\xffnot a timestamp"
        if wrong == "empty":
            return b""
        asked = tsp.TimeStampReq.load(query)
        if wrong == "rejected":
            return bytes.fromhex("30053003020102")  # a status and no token
        token = self._token(_info(asked, wrong), wrong)
        status = tsp.PKIStatusInfo({"status": "granted"})
        return bytes(tsp.TimeStampResp({"status": status, "time_stamp_token": token}).dump())

    def _token(self, info: tsp.TSTInfo, wrong: str) -> cms.ContentInfo:
        content = info.dump()
        der = self.certificate.public_bytes(DER)
        certificate = asn1_x509.Certificate.load(der)
        signing = tsp.SigningCertificateV2(
            {"certs": [tsp.ESSCertIDv2({"cert_hash": hashlib.sha256(der).digest()})]}
        )
        attributes = cms.CMSAttributes(
            [
                cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
                cms.CMSAttribute(
                    {"type": "message_digest", "values": [hashlib.sha256(content).digest()]}
                ),
                cms.CMSAttribute({"type": "signing_certificate_v2", "values": [signing]}),
            ]
        )
        signed = attributes.dump() if wrong != "signature" else b"something else"
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier(
                    {
                        "issuer_and_serial_number": cms.IssuerAndSerialNumber(
                            {
                                "issuer": certificate.issuer,
                                "serial_number": certificate.serial_number,
                            }
                        )
                    }
                ),
                "digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                "signed_attrs": attributes,
                "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"}),
                "signature": self.key.sign(signed, padding.PKCS1v15(), hashes.SHA256()),
            }
        )
        data = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
                "encap_content_info": cms.EncapsulatedContentInfo(
                    {"content_type": "tst_info", "content": core.ParsableOctetString(content)}
                ),
                "certificates": [certificate],
                "signer_infos": [signer],
            }
        )
        return cms.ContentInfo({"content_type": "signed_data", "content": data})


def _info(asked: tsp.TimeStampReq, wrong: str) -> tsp.TSTInfo:
    imprint = asked["message_imprint"]
    if wrong == "digest":
        imprint = tsp.MessageImprint(
            {
                "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                "hashed_message": hashlib.sha256(b"something else").digest(),
            }
        )
    return tsp.TSTInfo(
        {
            "version": "v1",
            "policy": "1.2.3.4.1",
            "message_imprint": imprint,
            "serial_number": 7,
            "gen_time": datetime.now(UTC).replace(microsecond=0),
            **(
                {} if wrong == "no nonce" else {"nonce": asked["nonce"].native + (wrong == "nonce")}
            ),
        }
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey) -> Any:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


@dataclass
class Authority:
    """The server: what it was asked, and how it answers."""

    signer: Signer
    url: str = ""
    #: Empty: honestly.  Else a kind of wrong answer, a status, or ``hang``.
    wrong: str = ""
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


def _handler(authority: Authority) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            authority.asked.append((headers, query))
            if authority.wrong == "hang":
                authority.over.wait(20)
                return
            status = int(authority.wrong) if authority.wrong.isdigit() else 200
            answer = authority.signer.answer(query, authority.wrong)
            if authority.wrong == "long":
                answer += b"\0" * 100_000
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def serving(signer: Signer) -> Iterator[Authority]:
    """An authority, for the time of a block."""
    authority = Authority(signer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(authority))
    server.daemon_threads = True
    authority.url = f"http://127.0.0.1:{server.server_port}/tsa"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield authority
    finally:
        authority.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
