"""How this process's nudges reach the workers."""

from __future__ import annotations

import importlib

from django.conf import settings

from core.nudge import nudger


def arrange() -> None:
    """Send nudges through Redis where there is one; otherwise PostgreSQL carries them.

    Called once, when a web process starts. Without it nothing is lost: the sweep finds the rows.
    """
    if settings.REDIS_URL:
        # Celery is 10 MiB that a process without Redis is spared.
        nudger.through_broker(importlib.import_module("config.celery").send_nudge)
