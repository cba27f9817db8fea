"""What is said in Slack after a press was counted: done beside the answer, which Slack waits for.

None of it is needed: the workers rewrite every copy.  It makes the one that was pressed say so at once,
and tells one person why nothing was decided.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from approvals import cards
from core import db
from core.db import pool
from notifications.slack import blocks, client, turns
from notifications.slack.client import App, Later, SlackFailure
from notifications.slack.rewriting import Copy, show
from notifications.slack.secrets import apps

logger = logging.getLogger(__name__)

#: Slack's answer to one of these calls is not waited for longer.
TIMEOUT_S: Final = 2.5
THREADS: Final = 4


class Afterwards:
    """A few threads that call Slack for this process."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget the threads: a forked child has none."""
        self._threads: ThreadPoolExecutor | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Do it soon; what fails is logged, and nobody waits for it."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="slack-afterwards")
        self._threads.submit(_quietly, work)

    def call(self, installation: UUID, method: str, arguments: Mapping[str, Any]) -> None:
        """One call of Slack's API, soon."""
        self.do(lambda: _call(installation, method, arguments))

    def whisper(
        self,
        installation: UUID,
        channel: str,
        user: str,
        text: str,
        *,
        link: tuple[str, str] | None = None,
        thread: str = "",
    ) -> None:
        """Tell one person something that only they see.

        Args:
            link: what stands on a button beneath, and where it leads.
            thread: the message under which it is said.
        """
        said = {"channel": channel, "user": user, **blocks.told(text, link)}
        if thread:
            said["thread_ts"] = thread
        self.call(installation, "chat.postEphemeral", said)

    def rewrite(self, installation: UUID, copy: Copy) -> None:
        """Show the request as it stands in the message that was pressed."""
        self.do(lambda: _rewrite(installation, copy))

    def wait(self) -> None:
        """Until everything asked so far is done; for whoever ends this process."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=True)


def _call(installation: UUID, method: str, arguments: Mapping[str, Any]) -> None:
    with _app(installation, method) as app:
        if app is not None:
            client.call(app, method, arguments, timeout_s=TIMEOUT_S)


def _rewrite(installation: UUID, copy: Copy) -> None:
    with _app(installation, "chat.update") as app:
        with pool().connection() as conn:
            card = cards.cards(conn, [copy.request]).get(copy.request)
        if app is not None and card is not None:
            show(app, copy, card, timeout_s=TIMEOUT_S)


@contextmanager
def _app(installation: UUID, method: str) -> Iterator[App | None]:
    """The app to call with; None where Slack asked not to be called so soon.  A new wish is kept."""
    with pool().connection() as conn:
        paused = turns.is_paused(conn, installation, method)
        app = None if paused else apps(conn, [installation]).get(installation)
    try:
        yield app
    except Later as failure:
        if failure.after is not None:
            with pool().connection() as conn:
                turns.pause(conn, installation, method, failure.after)
        raise


def _quietly(work: Callable[[], None]) -> None:
    try:
        work()
    except (SlackFailure, db.Unavailable) as error:
        logger.info("not said in Slack: %s", error)
    except Exception:
        logger.exception("not said in Slack")


afterwards: Final = Afterwards()
os.register_at_fork(after_in_child=afterwards.begin_anew)
