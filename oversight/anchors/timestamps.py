"""Timestamps by an authority (RFC 3161) over the bytes of a checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from core import http
from oversight.anchors.errors import BadRoots, NotAnchored

DEADLINE_S: Final = 8.0
MOST_BYTES: Final = 65_536
GRANTED: Final = 0
SHA256: Final = "2.16.840.1.101.3.4.2.1"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time-stamp token (DER), the time in it, and whether it leads to a certificate that was given."""

    token: bytes
    at: datetime
    trusted: bool


def roots_of(pem: str) -> list[Certificate]:
    """The certificates in a PEM text.

    Raises:
        BadRoots: there is none, or one cannot be read.
    """
    try:
        return load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise BadRoots from None


def stamp(client: http.Client, url: str, note: bytes, roots: Sequence[Certificate]) -> Stamp:
    """Have an authority say that ``note`` existed.

    Without ``roots`` it is only held that the answer is to this request and of these bytes: who
    signed it is for whoever looks at the token later.

    Raises:
        NotAnchored: there is no answer, or it is none to this request, or not of that authority.
    """
    request = TimestampRequestBuilder(data=note, hash_algorithm=HashAlgorithm.SHA256).build()
    answer = _ask(client, url, request.as_bytes())
    response = _decoded(answer)
    if response.status != GRANTED:
        raise NotAnchored(f"The authority refused: status {response.status}.")
    _look(response, request, note)
    if roots:
        _verify(response, request, note, roots)
    return Stamp(response.time_stamp_token(), response.tst_info.gen_time, bool(roots))


def _ask(client: http.Client, url: str, request: bytes) -> bytes:
    try:
        # In the clear it tells no more than a hash, and the answer is signed: most speak plain http.
        answer = client.send(
            "POST",
            url,
            headers={
                "content-type": "application/timestamp-query",
                "accept": "application/timestamp-reply",
            },
            body=request,
            deadline_s=DEADLINE_S,
            most_bytes=MOST_BYTES,
            plain=True,
        )
    except http.Failed as failed:
        raise NotAnchored(failed.detail) from failed
    if answer.status != 200:
        raise NotAnchored(f"The authority answered with status {answer.status}.")
    if answer.truncated:
        raise NotAnchored("The authority's answer is too long.")
    return answer.body


def _decoded(answer: bytes) -> TimeStampResponse:
    try:
        return decode_timestamp_response(answer)
    except ValueError:
        raise NotAnchored("The authority's answer is no timestamp.") from None


def _look(response: TimeStampResponse, request: TimeStampRequest, note: bytes) -> None:
    try:
        info = response.tst_info
        imprint, nonce = info.message_imprint, info.nonce
        algorithm, digest = imprint.hash_algorithm.dotted_string, imprint.message
    except ValueError:
        raise NotAnchored("The authority's answer is no timestamp.") from None
    if nonce != request.nonce:
        raise NotAnchored("The timestamp is an answer to another request (nonce).")
    if algorithm != SHA256 or digest != hashlib.sha256(note).digest():
        raise NotAnchored("The timestamp is of other bytes.")


def _verify(
    response: TimeStampResponse,
    request: TimeStampRequest,
    note: bytes,
    roots: Sequence[Certificate],
) -> None:
    verifier = VerifierBuilder(roots=list(roots), nonce=request.nonce).build()
    try:
        verifier.verify_message(response, note)
    except (VerificationError, ValueError) as error:
        raise NotAnchored(f"The timestamp is not of a known authority: {error}.") from error
