"""A server whose clock is well at the beginning of each test, whatever earlier ones left behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from approvals.ends import EXPIRE
from core import due
from core.db import pool
from escalations.expiry import expire_due
from oversight.watching import look
from tests.approvals.world import World
from tests.callbacks.conftest import receiver
from tests.oversight.watching.watched import forget
from tests.promises import ask

__all__ = ["receiver"]


@pytest.fixture(autouse=True)
def _well() -> Iterator[None]:
    due.run(EXPIRE, expire_due)
    ask("DELETE FROM core_due WHERE due_at < clock_timestamp() AND kind <> %s RETURNING 1", EXPIRE)
    with pool().connection() as conn:
        look.look(conn, [])  # what earlier tests took from the clock
    forget()
    yield
    forget()


@pytest.fixture
def world() -> World:
    return World({"lead": ["ana", "ben"]})
