"""Ports for what `./up` runs beside the product."""

from __future__ import annotations

import contextlib
import socket


def free(*wanted: int, host: str = "127.0.0.1") -> list[int]:
    """Each wanted port, or any that is free where somebody has it; all different.

    A port may be taken before it is used: then its process says so.
    """
    with contextlib.ExitStack() as held:
        return [_one(held, host, port) for port in wanted]


def _one(held: contextlib.ExitStack, host: str, wanted: int) -> int:
    for port in (wanted, 0):
        probe = held.enter_context(socket.socket())
        # As the servers do: what a copy that just ended leaves behind is no reason to move.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)  # with this option two may bind a port, but only one listens there
        except (OSError, OverflowError):
            continue
        return int(probe.getsockname()[1])
    return wanted
