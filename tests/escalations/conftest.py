from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.notifications.mail_desk import posting
from tests.notifications.postbox import Postbox
from tests.server import Live


@pytest.fixture
def box(server: Live, settings: Settings) -> Iterator[Postbox]:
    with posting(settings) as made:
        yield made
