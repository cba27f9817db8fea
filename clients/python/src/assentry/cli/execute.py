"""Running an approved command: exactly the approved words, in the approved folder, once."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from assentry import AlreadyRan, ApiError, Client, EditNotApplied, OutcomeUnknown, Unreachable
from assentry.objects import Outcome, Request


def run_approved(client: Client, outcome: Outcome) -> int:
    """Run it with this process's input and output, and tell what came of it; its exit code.

    A command that a signal ended has 128 and the signal's number, as in a shell; one that could not
    be started 127.

    Raises:
        AlreadyRan, OutcomeUnknown: an earlier attempt told of its end, or of not knowing it.
        EditNotApplied: what was approved is no command.
    """
    request = outcome.request
    _require_new(request)
    argv, folder = _command(request)
    try:
        done = subprocess.run(argv, cwd=folder, check=False)  # noqa: S603 - what people approved
    except OSError as error:
        _tell(client, request, "failed", f"not started: {error.strerror}")
        print(f"assentry: {argv[0]}: {error.strerror}", file=sys.stderr)
        return 127
    except KeyboardInterrupt:
        _tell(client, request, "unknown", "interrupted")
        raise
    code = done.returncode if done.returncode >= 0 else 128 - done.returncode
    _tell(client, request, "failed" if code else "succeeded", f"exit status {code}")
    return code


def _require_new(request: Request) -> None:
    result = request.result
    if result is None:
        return
    if result["status"] == "unknown":
        raise OutcomeUnknown(request, request.id)
    raise AlreadyRan(request, status=str(result["status"]), error=str(result.get("detail") or ""))


def _command(request: Request) -> tuple[list[str], str]:
    payload: Any = request.payload
    argv, folder = payload.get("argv"), payload.get("cwd")
    words = isinstance(argv, list) and argv and all(isinstance(word, str) for word in argv)
    if not words or not isinstance(folder, str):
        raise EditNotApplied(
            request, f"What was approved of {request.id} is no command. Nothing was run."
        )
    return argv, folder


def _tell(client: Client, request: Request, status: str, detail: str) -> None:
    """That it cannot be told now does not undo what was done."""
    try:
        client.report(request.id, status, detail)
    except (ApiError, Unreachable) as error:
        print(f"assentry: the result could not be reported: {error}", file=sys.stderr)
