"""Which handler keeps which promise: the one place where a kind of due row meets its code.

A handler takes claimed rows, works in a transaction of its own and calls `core.due.finish` there.
"""

from __future__ import annotations

from approvals.ends import EXPIRE
from core.due import Handler
from escalations.expiry import expire_due

HANDLERS: dict[str, Handler] = {
    EXPIRE: expire_due,
}
