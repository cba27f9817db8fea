"""Start one program so that it ends with its parent, whatever ends the parent.

Run as a file by an isolated interpreter (`python -I -S guard.py …`), before the privileges are
dropped: the user that PostgreSQL runs as may not be able to reach Python at all. On Linux the
guard becomes the program, which the kernel then interrupts when the parent dies. Elsewhere
(or when told to `stay`) it remains between the two, reads the pipe on its standard input, and passes
the interrupt on when the parent's end has closed.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 15.0


def become(parent: int, uid: int, gid: int, program: list[str]) -> None:
    """Replace this process by the program, to be interrupted when `parent` dies (Linux)."""
    drop(uid, gid)
    # After the change of user, which would clear it.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(program[0], program)  # noqa: S606 - becoming the program is the point


def drop(uid: int, gid: int) -> None:
    """Become the given user for good; -1 stays who we are."""
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def stay(uid: int, gid: int, program: list[str], keep: int) -> int:
    """Run the program as a child until it ends, or until standard input does."""
    as_user = {"user": uid, "group": gid, "extra_groups": []} if uid >= 0 else {}
    child = subprocess.Popen(program, stdin=subprocess.DEVNULL, pass_fds=(keep,), **as_user)  # type: ignore[call-overload]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, lambda number, _frame: child.send_signal(number))
    while child.poll() is None:
        readable, _, _ = select.select([0], [], [], 0.2)
        if readable and not os.read(0, 1):
            return finish(child)
    return int(child.returncode)


def finish(child: subprocess.Popen[bytes]) -> int:
    """Interrupt the child (a fast shutdown, for PostgreSQL), then insist."""
    child.send_signal(signal.SIGINT)
    try:
        return child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGQUIT)
        return child.wait()


def main(arguments: list[str]) -> int:
    """`PARENT UID GID KEEP-FD exec|stay PROGRAM ARGUMENT…`"""
    parent, uid, gid, keep = (int(value) for value in arguments[:4])
    program = arguments[5:]
    os.umask(0o077)
    if arguments[4] == "exec":
        become(parent, uid, gid, program)
    return stay(uid, gid, program, keep)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
