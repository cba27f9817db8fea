"""The worker process: `python -m config.worker [--no-beat | --only-beat]`.

It does everything that follows from time or talks to the outside. Beat runs in it as a thread; a
second beat is harmless, so every worker may have one. Where many workers run on Redis,
`--no-beat` leaves it to one process started with `--only-beat`. Ends within three seconds of
SIGTERM or SIGINT, and with the supervisor that started it.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import logging
import os
import signal
import sys
import threading
from types import FrameType
from typing import Final, NoReturn

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ["ASSENTRY_PROCESS"] = "worker"
django.setup()

# ruff: noqa: E402 - models may be imported only after the setup
from celery.beat import Service
from celery.exceptions import WorkerShutdown
from celery.worker import WorkController

from api.slack.sockets import Sockets
from config.celery import CONCURRENCY, EMBEDDED, app, send_nudge
from config.due import deliverer
from config.embedded import Beat, Listener
from config.tasks import stopping
from core import addresses, db, durations, failpoints
from core.nudge import nudger
from notifications.mail import client
from runtime import parent

logger = logging.getLogger("config.worker")

#: Work still running after this is left to its lease.
GRACE_S: Final = 2.5


def main(arguments: list[str] | None = None) -> int:
    """Run until told to end; return the exit code."""
    options = _options(arguments)
    faulthandler.enable()  # a crash of a library in C must say where it was
    parent.watch()
    try:
        failpoints.check_environment()
        durations.time_scale()
        addresses.allowed_networks()
    except ValueError as error:
        logger.critical("%s", error)
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    if not EMBEDDED:
        nudger.through_broker(send_nudge)
    try:
        if options.only_beat:
            Service(app, max_interval=1, scheduler_cls=app.conf.beat_scheduler).start()
        else:
            _work(beat=not options.no_beat)
    except WorkerShutdown:
        pass  # the signal came before or after Celery's own care for it
    finally:
        deliverer.close()
        client.close()
        nudger.close(0.5)
        db.close()
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m config.worker", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--no-beat", action="store_true", help="leave the beat to another process")
    which.add_argument("--only-beat", action="store_true", help="beat, and nothing else")
    options = parser.parse_args(arguments)
    if EMBEDDED and (options.no_beat or options.only_beat):
        parser.error("without REDIS_URL worker and beat are one process: leave the option out")
    return options


def _work(*, beat: bool) -> None:
    if beat:
        app.steps["worker"].add(Beat)
    if EMBEDDED:
        app.steps["worker"].add(Listener)
    slack = threading.Thread(target=Sockets().run, args=(stopping,), name="slack", daemon=True)
    slack.start()
    worker = WorkController(
        app=app,
        pool_cls="threads",
        concurrency=CONCURRENCY,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        ready_callback=_ready,
    )
    worker.start()


def _ready(_consumer: object) -> None:
    gc.collect()
    gc.freeze()  # what was loaded stays: the collector need not look at it again
    logger.info("the worker is ready (%s)", "embedded" if EMBEDDED else "Redis")


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """Break off waiting at once: what was being received was only a hint."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    stopping.set()
    overdue = threading.Timer(GRACE_S, os._exit, (0,))
    overdue.daemon = True
    overdue.start()
    raise WorkerShutdown(0)


if __name__ == "__main__":
    sys.exit(main())
