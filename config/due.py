"""Which handler keeps which promise: the one place where a kind of due row meets its code.

A handler takes claimed rows, works in a transaction of its own and calls `core.due.finish` there.
"""

from __future__ import annotations

from core.due import Handler

HANDLERS: dict[str, Handler] = {}
