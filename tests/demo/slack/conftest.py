"""A Slack double with one workspace, slack_sdk's own client of it, and something to press against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from slack_sdk import WebClient

from demo.slack.double import Double
from tests.demo.slack.product import Product

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TOKEN = "xoxb-acme"


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def product() -> Iterator[Product]:
    made = Product(SECRET)
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def double(product: Product) -> Iterator[Double]:
    with Double(product.url) as made:
        made.add_team("T0ACME", signing_secret=SECRET, bot_token=TOKEN, app_token="xapp-acme")
        made.add_user("T0ACME", "U0ANA", name="ana", real_name="Ana Support")
        made.add_user("T0ACME", "U0BEN", name="ben", real_name="Ben Support")
        made.add_channel("T0ACME", "C0DESK", "desk")
        yield made


@pytest.fixture
def clock(double: Double) -> Clock:
    double.state.clock = Clock()
    return double.state.clock


@pytest.fixture
def client(double: Double) -> WebClient:
    return WebClient(TOKEN, base_url=double.api_url, timeout=30, retry_handlers=[])
