"""A tool server that holds a credential, and acts with it only on a permit (docs/executor.md)."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx2
from assentry import ApiError, EffectUnknown, PayloadError, Unreachable
from assentry.canonical import parsed
from assentry.tools import AlreadyConsumed, Permit, PermitDead, PermitRefused, ToolClient

MOST_BYTES: Final = 1024 * 1024

credential = Path(os.environ["BANK_TOKEN_FILE"]).read_text(encoding="utf-8").strip()
bank = httpx2.Client(
    base_url=os.environ["BANK_URL"], headers={"Authorization": f"Bearer {credential}"}, timeout=20
)
tool = ToolClient(journal=os.environ["ASSENTRY_JOURNAL"])


@tool.guard("payments.refund", payload=lambda payload: payload)
def refund(payload: dict[str, Any], *, permit: Permit) -> str:
    """Have the bank pay back exactly what was approved."""
    try:
        answer = bank.post("/refunds", json=payload, headers={"Idempotency-Key": permit.jti})
    except httpx2.ConnectError:
        raise  # it never got there: failed
    except httpx2.HTTPError as error:
        raise EffectUnknown("the bank gave no answer") from error
    if answer.status_code >= 500:
        raise EffectUnknown(f"the bank answered {answer.status_code}")
    answer.raise_for_status()  # it said no: failed
    return answer.text


ACTIONS: Final[dict[str, Callable[..., str]]] = {"/payments.refund": refund}

#: What a call that came to nothing is answered with; the first that fits.
ANSWERS: Final[tuple[tuple[type[Exception], int], ...]] = (
    (PayloadError, 400),
    (AlreadyConsumed, 409),
    (PermitDead, 410),
    (PermitRefused, 403),
    (EffectUnknown, 504),
    (httpx2.HTTPError, 502),
    (ApiError, 503),
    (Unreachable, 503),
)


class Door(BaseHTTPRequestHandler):
    """``POST /ACTION`` with ``{"permit": token, "payload": {…}}``."""

    timeout = 30  # for whoever sends slowly

    def do_POST(self) -> None:
        """Act, where the permit says so."""
        status, said = self._answer()
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self) -> tuple[int, dict[str, str]]:
        act = ACTIONS.get(self.path)
        if act is None:
            return 404, {"error": "There is no such action here."}
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,7}", length) or int(length) > MOST_BYTES:
            return 413, {"error": "Send a Content-Length of at most 1 MiB."}
        try:
            body = parsed(self.rfile.read(int(length)))
        except PayloadError as error:
            return 400, {"error": str(error)}
        match body:
            case {"permit": str(token), "payload": dict(payload), **others} if not others:
                pass
            case _:
                return 400, {"error": 'Send {"permit": token, "payload": object}.'}
        try:
            return 200, {"result": act(payload, permit=token)}
        except tuple(kind for kind, _ in ANSWERS) as error:
            status = next(code for kind, code in ANSWERS if isinstance(error, kind))
            return status, {"error": f"{type(error).__name__}: {error}"}


def tell() -> None:
    """Tell the server what it does not know: of an earlier process, or while it was away."""
    while True:
        tool.recover()
        time.sleep(60)


def main() -> None:
    """Serve until the process is ended."""
    threading.Thread(target=tell, daemon=True).start()
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8800")))
    server = ThreadingHTTPServer(address, Door)
    print(f"Acting on permits at http://{address[0]}:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
