"""The Slack double, pointed at the live server, and desks that are told there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from api.slack.afterwards import afterwards
from demo.slack.double import Double
from tests.demo.slack.conftest import Clock
from tests.notifications.desk import Desk, double_with_team, forget_apps
from tests.notifications.mail_desk import MailDesk, desk_of, posting
from tests.notifications.postbox import Postbox
from tests.promises import ask
from tests.server import Live


@pytest.fixture
def double(server: Live, settings: Settings) -> Iterator[Double]:
    with Double(server.url) as made:
        settings.SLACK_API_URL = made.api_url
        made.state.clock = Clock()
        double_with_team(made)
        forget_apps()
        yield made
        afterwards.wait()


@pytest.fixture
def desk(double: Double) -> Desk:
    made = Desk(double)
    made.bind("ana", "U0ANA")
    made.bind("ben", "U0BEN")
    return made


@pytest.fixture
def box(server: Live, settings: Settings) -> Iterator[Postbox]:
    with posting(settings) as made:
        yield made


@pytest.fixture
def mail_desk(box: Postbox) -> MailDesk:
    return desk_of(box)


@pytest.fixture(autouse=True)
def _nobody_found_anything_wrong() -> None:
    """What a look found in other tests' rows stands on no page of these."""
    ask("DELETE FROM oversight_watch RETURNING 1")
