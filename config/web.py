"""One web process: ``python -m config.web --fd N`` serves an inherited listening socket.

The supervisor starts several of these on one socket.  Run without ``--fd`` it binds host and port
itself, which is what a container wants.
"""

from __future__ import annotations

import os

# Settings give a web process a pool of connections; they look before anything else is imported.
os.environ["ASSENTRY_PROCESS"] = "web"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import argparse
import ctypes
import faulthandler
import logging
import resource
import socket
import sys
import threading
from asyncio import AbstractEventLoop, get_running_loop
from types import FrameType

import psycopg
import uvicorn

from api.protocol import Protocol
from config import environment, nudges
from config.asgi import application
from core import addresses, db, durations, failpoints
from oversight.anchors import rollback
from runtime import parent

logger = logging.getLogger(__name__)

#: Parked callers are answered within this time after SIGTERM; what is left is cut off.
GRACE_S = 2
#: Longer than the idle time of common proxies, so that they close first and nothing is lost between.
KEEP_ALIVE_S = 75
BACKLOG = 2048
_M_ARENA_MAX = -8


class Server(uvicorn.Server):
    """uvicorn, which at SIGTERM first answers everybody who waits."""

    _loop: AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal."""
        self._loop = get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take SIGTERM or SIGINT."""
        super().handle_exit(sig, frame)
        self._captured_signals.clear()  # else it is raised again at the end, as if we had failed
        if self._loop is not None:
            self._loop.call_soon_threadsafe(application.drain)


def main(arguments: list[str]) -> int:
    """Serve until told to end; 0 then."""
    parser = argparse.ArgumentParser(prog="python -m config.web", description=__doc__)
    parser.add_argument("--fd", type=int, help="an inherited listening socket")
    options = parser.parse_args(arguments)
    faulthandler.enable()  # a crash of a library in C must say where it was
    parent.watch()
    try:
        failpoints.check_environment()
        durations.time_scale()
        addresses.allowed_networks()
    except ValueError as error:
        logger.critical("%s", error)
        return 1
    allow_many_connections()
    spare_memory()
    nudges.arrange()
    threading.Thread(target=look_at_anchors, name="anchors", daemon=True).start()
    proxies = environment.trusted_proxies()
    config = uvicorn.Config(
        application,
        host=os.environ.get("ASSENTRY_HOST") or environment.DEFAULT_HOST,
        port=int(os.environ.get("ASSENTRY_PORT") or environment.DEFAULT_PORT),
        loop="uvloop",
        http=Protocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="warning",
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        server_header=False,
        date_header=True,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    sockets = None if options.fd is None else [socket.socket(fileno=options.fd)]
    Server(config).run(sockets)
    return 0


def look_at_anchors() -> None:
    """Say it, and hold the log, where a backup was restored that is behind an anchor."""
    try:
        rollback.notice()
    except (db.Unavailable, psycopg.Error) as error:
        logger.warning("the anchors were not looked at, the worker does it: %s", error)


def allow_many_connections() -> None:
    """Every waiting caller is a file descriptor: take all that the system lets us have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):  # macOS says unlimited and means OPEN_MAX
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(10_240, hard), hard))


def spare_memory() -> None:
    """Keep glibc from giving each of the threads an arena of its own."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(_M_ARENA_MAX, 2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
