"""An S3-compatible store, as far as exports need one: an upload in parts, whole or not at all.

Requests are signed with AWS Signature Version 4 and go out through the guarded client, as everything does.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from django.conf import settings
from minio.credentials.credentials import Credentials
from minio.signer import sign_v4_s3

from core import http, targets
from core.db import pool
from oversight.exports.errors import NoStore, NotExported

#: Equal parts, as some stores want them; the last one may be smaller.
PART_BYTES: Final = 8 * 1024 * 1024
MOST_PARTS: Final = 10_000
DEADLINE_S: Final = 60.0
MOST_BYTES: Final = 65_536
#: A part that was not taken is sent again at once, so many times.
TRIES: Final = 3

_UPLOAD: Final = re.compile(r"<UploadId>([^<>]{1,2000})</UploadId>")
_CODE: Final = re.compile(r"<Code>([A-Za-z0-9.]{1,60})</Code>")
_ETAG: Final = re.compile(r'"?([\x21\x23-\x25\x27-\x3b\x3d\x3f-\x7e]{1,200})"?')
_TIME: Final = "%Y%m%dT%H%M%SZ"
#: Answers that another try may change.
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Store:
    """Where the operator's store is, and how to sign for it."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str
    region: str
    prefix: str

    def __repr__(self) -> str:
        return f"Store({self.endpoint}/{self.bucket})"


def store() -> Store:
    """The store that the operator configured.

    Raises:
        NoStore: none.
    """
    if settings.EXPORT_STORE is None:
        raise NoStore
    return Store(**settings.EXPORT_STORE)


@dataclass(frozen=True, slots=True)
class Object:
    """One object of a store, and how it comes to be there."""

    store: Store
    key: str
    client: http.Client

    def put(self, content: bytes, content_type: str) -> None:
        """Put it there in one piece.

        Raises:
            NotExported: the store did not take it.
        """
        self._call("PUT", "", content, content_type=content_type)

    def begin(self, content_type: str) -> str:
        """Begin an upload in parts; its id.

        Raises:
            NotExported: the store does not let us.
        """
        answer = self._call("POST", "uploads=", content_type=content_type)
        found = _UPLOAD.search(answer.body.decode(errors="replace"))
        if found is None:
            raise NotExported("The store did not say how to go on (no UploadId).")
        return html.unescape(found[1])

    def part(self, upload: str, number: int, content: bytes) -> str:
        """Send one part; what the store calls it (its ETag).

        Raises:
            NotExported: the store did not take it.
        """
        if number > MOST_PARTS:
            raise NotExported("The export is too large for the store: narrow it.", lasting=True)
        query = f"partNumber={number}&uploadId={_quoted(upload)}"
        answer = self._call("PUT", query, content)
        found = _ETAG.fullmatch(answer.headers.get("etag", ""))
        if found is None:
            raise NotExported("The store did not say that it has a part (no ETag).")
        return found[1]

    def complete(self, upload: str, parts: Sequence[str]) -> None:
        """Make the object of its parts: now it is there.

        Raises:
            NotExported: the store did not.
        """
        told = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{etag}&quot;</ETag></Part>"
            for number, etag in enumerate(parts, 1)
        )
        body = f"<CompleteMultipartUpload>{told}</CompleteMultipartUpload>".encode()
        answer = self._call(
            "POST", f"uploadId={_quoted(upload)}", body, content_type="application/xml"
        )
        if b"<Error>" in answer.body:  # with status 200: it had begun to answer before it failed
            raise NotExported(_said(answer))

    def abort(self, upload: str) -> None:
        """Let the store forget an upload; one that it does not know is as good.

        Raises:
            NotExported: it may still keep the parts.
        """
        self._call("DELETE", f"uploadId={_quoted(upload)}", also=(404,))

    def _call(
        self,
        method: str,
        query: str,
        content: bytes = b"",
        *,
        content_type: str = "",
        also: tuple[int, ...] = (),
    ) -> http.Answer:
        for left in range(TRIES - 1, -1, -1):
            try:
                answer = self._send(method, query, content, content_type)
            except http.Failed as failed:
                if not left or failed.kind in ("blocked", "resolve", "tls"):
                    raise NotExported(f"The store cannot be reached: {failed.detail}") from failed
                continue
            if 200 <= answer.status < 300 or answer.status in also:
                return answer
            if not left or answer.status not in _PASSING:
                raise NotExported(_said(answer), lasting=answer.status not in _PASSING)
        raise AssertionError("the last try returns or raises")

    def _send(self, method: str, query: str, content: bytes, content_type: str) -> http.Answer:
        path = quote(f"/{self.store.bucket}/{self.key}", safe="/-_.~")
        url = self.store.endpoint.rstrip("/") + path + (f"?{query}" if query else "")
        digest = hashlib.sha256(content).hexdigest()
        with pool().connection() as conn:
            (now,) = conn.execute("SELECT clock_timestamp()").fetchone() or ()
        headers: dict[str, str | list[str] | tuple[str]] = {
            "Host": targets.parse(url).authority,
            "x-amz-content-sha256": digest,
            "x-amz-date": now.strftime(_TIME),
        }
        if content_type:
            headers["Content-Type"] = content_type
        sign_v4_s3(
            method=method,
            url=urlsplit(url),
            region=self.store.region,
            headers=headers,
            credentials=Credentials(self.store.access_key, self.store.secret_key),
            content_sha256=digest,
            date=now,
        )
        return self.client.send(
            method,
            url,
            headers={name: str(value) for name, value in headers.items()},
            body=content,
            deadline_s=DEADLINE_S,
            most_bytes=MOST_BYTES,
            plain=url.startswith("http://"),  # the operator wrote it so, and addresses are judged
        )


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def _said(answer: http.Answer) -> str:
    found = _CODE.search(answer.body.decode(errors="replace"))
    named = f" ({found[1]})" if found else ""
    return f"The store answered with status {answer.status}{named}."
