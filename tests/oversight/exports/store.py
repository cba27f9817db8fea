"""An S3-compatible store on loopback that trusts nobody: it computes every signature itself."""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

BUCKET, REGION = "records", "eu-test-1"
ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def signature(
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
    signed: list[str],
    *,
    digest: str,
    when: str,
    region: str,
    service: str,
    secret: str,
) -> str:
    """Signature Version 4 in hex, as AWS describes it step by step.

    Args:
        headers: by lower-case name.
        digest: SHA-256 of the body, in hex.
        when: ``x-amz-date``.
    """
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(query, keep_blank_values=True)
    )
    lines = [method, path, "&".join(f"{name}={value}" for name, value in pairs)]
    lines += [f"{name}:{' '.join(headers[name].split())}" for name in signed]
    lines += ["", ";".join(signed), digest]
    scope = f"{when[:8]}/{region}/{service}/aws4_request"
    hashed = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in (when[:8], region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{when}\n{scope}\n{hashed}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@dataclass
class Bucket:
    """What the store holds, what was refused, and what it shall do wrong."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, tuple[str, dict[int, bytes], str]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    #: Answers to give before the honest ones, by what is called: ``part``, ``begin``, ``complete``, …
    wrong: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    secret: str = SECRET
    lock: threading.Lock = field(default_factory=threading.Lock)

    def settings(self) -> dict[str, str]:
        return {
            "endpoint": self.url,
            "bucket": BUCKET,
            "access_key": ACCESS,
            "secret_key": SECRET,
            "region": REGION,
            "prefix": "audit logs/2026",
        }


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


class _Handler(BaseHTTPRequestHandler):
    bucket: Bucket
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        kind = self._kind(query)
        with self.bucket.lock:
            self.bucket.calls.append((kind, unquote(parts.path)))
            fault = self.bucket.wrong.get(kind) or []
            if why := self._wrongly_signed(parts.path, parts.query, body):
                self.bucket.refused.append(why)
                self._say(403, _error("SignatureDoesNotMatch"))
            elif fault:
                status, text = fault.pop(0)
                self._say(status, text.encode())
            else:
                self._honest(kind, unquote(parts.path), query, body)

    def _kind(self, query: dict[str, str]) -> str:
        match self.command, sorted(query):
            case "POST", ["uploads"]:
                return "begin"
            case "PUT", ["partNumber", "uploadId"]:
                return "part"
            case "POST", ["uploadId"]:
                return "complete"
            case "DELETE", ["uploadId"]:
                return "abort"
            case "PUT", []:
                return "put"
            case _:
                return "unknown"

    def _wrongly_signed(self, path: str, query: str, body: bytes) -> str:
        headers = {name.lower(): value for name, value in self.headers.items()}
        match = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, "
            r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
            headers.get("authorization", ""),
        )
        if match is None:
            return "no signature"
        signed = match[4].split(";")
        digest = hashlib.sha256(body).hexdigest()
        if headers.get("x-amz-content-sha256") != digest:
            return "another body"
        if not {"host", "x-amz-content-sha256", "x-amz-date"} <= set(signed):
            return "too little is signed"
        if (match[1], match[3]) != (ACCESS, REGION):
            return "another scope"
        wanted = signature(
            self.command,
            path,
            query,
            headers,
            signed,
            digest=digest,
            when=headers["x-amz-date"],
            region=REGION,
            service="s3",
            secret=self.bucket.secret,
        )
        return "" if wanted == match[5] else "another signature"

    def _honest(self, kind: str, path: str, query: dict[str, str], body: bytes) -> None:
        about = self.headers.get("content-type", "")
        upload = query.get("uploadId", "")
        if kind in ("part", "complete", "abort") and upload not in self.bucket.uploads:
            self._say(404, _error("NoSuchUpload"))
        elif kind == "begin":
            upload = f"up/load+{len(self.bucket.calls)}=&"
            self.bucket.uploads[upload] = (path, {}, about)
            shown = upload.replace("&", "&amp;")
            self._say(200, f"<R><UploadId>{shown}</UploadId></R>".encode())
        elif kind == "part":
            self.bucket.uploads[upload][1][int(query["partNumber"])] = body
            self._say(200, ETag=_etag(body))
        elif kind == "complete":
            self._complete(upload, body)
        elif kind == "abort":
            del self.bucket.uploads[upload]
            self._say(204)
        else:
            self.bucket.objects[path], self.bucket.types[path] = body, about
            self._say(200, ETag=_etag(body))

    def _complete(self, upload: str, body: bytes) -> None:
        path, parts, about = self.bucket.uploads[upload]
        named = re.findall(
            r"<Part><PartNumber>(\d+)</PartNumber><ETag>(.+?)</ETag></Part>", body.decode()
        )
        numbers = sorted(parts)
        wanted = [(str(n), _etag(parts[n]).replace('"', "&quot;")) for n in numbers]
        small = [n for n in numbers[:-1] if len(parts[n]) != len(parts[numbers[0]])]
        if named != wanted or numbers != list(range(1, len(numbers) + 1)) or small:
            self._say(400, _error("InvalidPart"))
            return
        del self.bucket.uploads[upload]
        self.bucket.objects[path] = b"".join(parts[n] for n in numbers)
        self.bucket.types[path] = about
        self._say(200, b"<CompleteMultipartUploadResult/>")

    def _say(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - as the library calls them

    def log_message(self, *_: Any) -> None:
        pass


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()


@contextmanager
def serving() -> Iterator[Bucket]:
    """A store, for the time of a block."""
    bucket = Bucket()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"bucket": bucket}))
    server.daemon_threads = True
    bucket.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
