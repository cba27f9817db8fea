"""The Celery application and its whole beat schedule.

Every task is a hint that rows may be due; the rows are the truth. So messages may be lost, doubled
or late in any broker: nothing is acknowledged late, no result is kept, nothing waits in a queue for
its time. Without `REDIS_URL` the broker lives in the worker's memory and nudges reach it by
PostgreSQL (`config.embedded`); with it, the same tasks and schedule run on Redis.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from celery import Celery
from celery.app.amqp import AMQP
from django.conf import settings
from kombu import Connection

from config.due import HANDLERS
from oversight.watching import look

TICK: Final = timedelta(seconds=1)
#: An event has its place in the log, under a signed checkpoint, within a second of its commit.
SEQUENCE_TICK: Final = timedelta(seconds=0.25)
#: A sweep also waits for what falls due until shortly after the next one begins.
WINDOW_S: Final = 1.1
#: Bounds what piles up in Redis while no worker runs. Two hours, because the sender's and the
#: worker's clocks are compared: a host that is an hour off must not make every sweep look stale.
EXPIRES_S: Final = 7_200
CONCURRENCY: Final = 8
RUN_DUE: Final = "config.tasks.run_due"
SEQUENCE: Final = "config.tasks.sequence"
ARRANGE: Final = "config.tasks.arrange_anchors"
WATCH: Final = "config.tasks.watch"
#: A new workspace has its anchor within this time.
ARRANGE_TICK: Final = timedelta(seconds=15)


class PromptConnection(Connection):
    """Kombu's connection, back within a second or two of the broker's return instead of thirty."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        """As Kombu's, with shorter pauses between attempts."""
        pauses = {"interval_start": 1, "interval_step": 1, "interval_max": 2}
        return super().ensure_connection(*args, **(pauses | kwargs))


class PromptAMQP(AMQP):
    """Celery's side of the broker, with `PromptConnection`."""

    Connection = PromptConnection


EMBEDDED: Final = not settings.REDIS_URL

#: How the broker in the worker's own memory behaves.
_MEMORY: Final[dict[str, Any]] = {
    "broker_url": "memory://localhost//",
    # How often the queue is looked at; Celery's default is a whole second.
    "broker_transport_options": {"polling_interval": 0.02},
    # No limit: a full prefetch window would wait for the next look as well.
    "worker_prefetch_multiplier": 0,
}
_REDIS: Final[dict[str, Any]] = {
    "broker_url": settings.REDIS_URL,
    "broker_transport_options": {
        "socket_connect_timeout": 2,
        "socket_timeout": 5,
        "socket_keepalive": True,
        "visibility_timeout": 60,
    },
    "worker_prefetch_multiplier": 1,
}

app: Final = Celery("assentry", amqp=PromptAMQP, fixups=[], include=["config.tasks"])
app.conf.update(
    **(_MEMORY if EMBEDDED else _REDIS),
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_default_queue="assentry",
    task_publish_retry=False,
    enable_utc=True,
    timezone="UTC",
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_pool_limit=2,
    worker_concurrency=CONCURRENCY,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    beat_scheduler="config.metronome:Metronome",
    beat_schedule={
        "sequence the log": {
            "task": SEQUENCE,
            "schedule": SEQUENCE_TICK,
            "options": {"expires": EXPIRES_S},
        },
        "arrange anchors": {
            "task": ARRANGE,
            "schedule": ARRANGE_TICK,
            "options": {"expires": EXPIRES_S},
        },
        "watch the clock": {
            "task": WATCH,
            "schedule": look.EVERY,
            "options": {"expires": EXPIRES_S},
        },
        **{
            f"due {kind}": {
                "task": RUN_DUE,
                "schedule": TICK,
                "args": [kind, WINDOW_S],
                "options": {"expires": EXPIRES_S},
            }
            for kind in HANDLERS
        },
    },
)
# Every thread finds this application, not only the one that imported it.
app.set_default()


def send_nudge(kind: str) -> None:
    """Tell the Redis workers that rows of `kind` are due; for `core.nudge.nudger.through_broker`.

    Blocks up to two seconds and raises kombu's OperationalError while Redis is away.
    """
    app.send_task(RUN_DUE, (kind,), expires=EXPIRES_S, retry=False)
