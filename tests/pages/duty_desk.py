"""An office with schedules on the live server, and browsers of its people."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.factories import PASSWORD
from tests.pages.browser import Browser
from tests.people.schedules.office import Office
from tests.server import Live

BERLIN = ZoneInfo("Europe/Berlin")


class Desk:
    """An office with browsers."""

    def __init__(self, server: Live) -> None:
        self.server, self.office = server, Office()

    def browser(self, person: Any) -> Browser:
        one = Browser(self.server.url)
        one.sign_in(person.user.email, PASSWORD)
        return one


def typed(at: datetime) -> str:
    """An instant as a browser's field has it."""
    return f"{at.astimezone(BERLIN):%Y-%m-%dT%H:%M}"
