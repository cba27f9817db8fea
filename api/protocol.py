"""uvicorn's HTTP protocol, which answers what is no HTTP in the words of this API."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.answers import problem_answer, request_id
from api.wire import encoded
from core.problems import bad_request


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 by httptools."""

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that cannot be read as a request, and close."""
        own_id = request_id(None)
        answer = problem_answer(
            bad_request("malformed_http", "This is not an HTTP/1.1 request."), own_id
        )
        headers = encoded(
            [
                ("content-type", answer.content_type),
                ("content-length", str(len(answer.body))),
                ("x-request-id", own_id),
                ("connection", "close"),
            ]
        )
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + lines + b"\r\n" + answer.body)
        self.transport.close()
