"""Names for calls, so that asking again finds the first answer instead of asking anew."""

from __future__ import annotations

import hashlib
import json
import uuid


def fresh() -> str:
    """A name for one call of this process: its retries are one call, a restarted program's is not."""
    return uuid.uuid4().hex


def derived(kind: str, *parts: str | int) -> str:
    """A name that a restarted program derives again from the same parts."""
    text = json.dumps(parts, separators=(",", ":")).encode()
    return f"{kind}-{hashlib.sha256(text).hexdigest()}"
