"""What only a development server obeys (`ASSENTRY_DEV=1`, set by `./up` on loopback)."""

from __future__ import annotations

import logging
import os

logger = logging.getLogger(__name__)


def dev_value(name: str) -> str | None:
    """Return the environment's `name`, or None when unset, empty, or not a development server.

    A value that is ignored is said in the log, so that nobody wonders why it does nothing.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        return None
    if os.environ.get("ASSENTRY_DEV") != "1":
        logger.warning("%s is ignored: it works only with ASSENTRY_DEV=1", name)
        return None
    return value
