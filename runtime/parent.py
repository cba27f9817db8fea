"""End with the supervisor, however it ended: for the web and worker processes it starts."""

from __future__ import annotations

import os
import signal
import threading
import time

VARIABLE = "ASSENTRY_PARENT_FD"
GRACE_SECONDS = 5.0


def watch() -> None:
    """Watch the supervisor's pipe, when there is one, and end this process after it.

    Call it early in a child's `main`. A daemon thread reads the pipe whose write end only the
    supervisor holds: at its end the process gets SIGTERM, and SIGKILL after `GRACE_SECONDS`.
    Does nothing in a process that no supervisor started.
    """
    number = os.environ.pop(VARIABLE, "")
    if number:
        thread = threading.Thread(target=_wait, args=(int(number),), name="parent", daemon=True)
        thread.start()


def _wait(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
