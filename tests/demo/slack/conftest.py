"""A Slack double with one workspace, and slack_sdk's own client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from slack_sdk import WebClient

from demo.slack.double import Double

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TOKEN = "xoxb-acme"


@pytest.fixture
def double() -> Iterator[Double]:
    with Double() as made:
        made.add_team("T0ACME", signing_secret=SECRET, bot_token=TOKEN, app_token="xapp-acme")
        made.add_user("T0ACME", "U0ANA", name="ana", real_name="Ana Support")
        made.add_user("T0ACME", "U0BEN", name="ben", real_name="Ben Support")
        made.add_channel("T0ACME", "C0DESK", "desk")
        yield made


@pytest.fixture
def client(double: Double) -> WebClient:
    return WebClient(TOKEN, base_url=double.api_url, timeout=5, retry_handlers=[])
