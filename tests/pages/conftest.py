"""One office for each test of the pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from core import addresses
from tests.callbacks.receiver import Receiver, receiving
from tests.notifications.mail_desk import posting
from tests.notifications.postbox import Postbox
from tests.pages.office import Office
from tests.pages.yard import Yard
from tests.promises import ask
from tests.server import Live


@pytest.fixture
def office(server: Live) -> Office:
    """A workspace with people and an agent, on the live server."""
    return Office(server)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver on loopback, which may be called meanwhile."""
    monkeypatch.setenv("ASSENTRY_EGRESS_ALLOW", "127.0.0.0/8")
    addresses.allowed_networks.cache_clear()
    with receiving() as one:
        yield one
    monkeypatch.undo()
    addresses.allowed_networks.cache_clear()


@pytest.fixture
def yard(office: Office, receiver: Receiver) -> Iterator[Yard]:
    """The office with a receiver; what is left in line at the end is taken out of it."""
    one = Yard(office, receiver)
    yield one
    one.nothing_due()


@pytest.fixture
def box(server: Live, settings: Settings) -> Iterator[Postbox]:
    """A mail server on loopback that the product's mails go to."""
    with posting(settings) as made:
        yield made


@pytest.fixture(autouse=True)
def _nobody_found_anything_wrong() -> None:
    """What a look found in other tests' rows stands on no page of these."""
    ask("DELETE FROM oversight_watch RETURNING 1")
