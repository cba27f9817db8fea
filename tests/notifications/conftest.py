"""The Slack double, pointed at the live server, and desks that are told there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from api.slack.afterwards import afterwards
from demo.slack.double import Double
from tests.demo.slack.conftest import Clock
from tests.notifications.desk import Desk, double_with_team
from tests.server import Live


@pytest.fixture
def double(server: Live, settings: Settings) -> Iterator[Double]:
    with Double(server.url) as made:
        settings.SLACK_API_URL = made.api_url
        made.state.clock = Clock()
        double_with_team(made)
        yield made
        afterwards.wait()


@pytest.fixture
def desk(double: Double) -> Desk:
    made = Desk(double)
    made.bind("ana", "U0ANA")
    made.bind("ben", "U0BEN")
    return made
