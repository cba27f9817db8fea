"""The evidence of a request says who was told of it, when and by what, in every form."""

from __future__ import annotations

import json

import pytest

from audit.sequencer import sequence
from demo.slack.double import Double
from tests.api.tenant import Person
from tests.factories import PASSWORD
from tests.notifications.desk import DESK, TEAM, Desk
from tests.notifications.test_channels_page import administer
from tests.server import Live


@pytest.fixture
def desk(double: Double) -> Desk:
    made = Desk(double, password=PASSWORD)
    made.bind("ana", "U0ANA")
    made.bind("ben", "U0BEN")
    administer(made.world)
    return made


def test_who_was_told_stands_in_the_packet_and_in_the_document(desk: Desk, server: Live) -> None:
    desk.double.archive_channel(TEAM, DESK)
    request = desk.world.submit()
    desk.work(request)
    # As an administrator she hears of the channel, too.
    (card,) = [one for one in desk.direct("U0ANA") if "assentry.approve" in json.dumps(one.blocks)]
    desk.double.press(TEAM, "U0ANA", card, "assentry.approve")
    desk.settle()
    sequence(desk.world.workspace.id)
    ana = Person(server, desk.world.people["ana"])
    told = ana.call("GET", f"/requests/{request['id']}/evidence").json()["told"]
    by = {(one["person"] or {"name": one["role"]})["name"]: one for one in told}
    assert set(by) == {"Ana", "Ben", "lead"}
    assert all(one["channel"] == "slack" for one in told)
    assert (by["lead"]["state"], by["lead"]["reason"]) == ("failed", "is_archived")
    assert (by["Ben"]["state"], by["Ben"]["viewed_at"]) == ("sent", None)
    assert by["Ana"]["created_at"] <= by["Ana"]["sent_at"] <= by["Ana"]["viewed_at"]
    assert "text" not in by["Ana"]
    sequence(desk.world.workspace.id)
    page = ana.http.get(f"{server.url}/requests/{request['id']}/evidence", timeout=30).text
    assert "How people were told" in page
    assert "failed: is_archived" in page
    sequence(desk.world.workspace.id)
    pdf = ana.http.get(f"{server.url}/requests/{request['id']}/evidence.pdf", timeout=30)
    assert (pdf.status_code, pdf.content[:5]) == (200, b"%PDF-")


def test_nobody_was_told(server: Live, desk: Desk) -> None:
    request = desk.world.submit()
    sequence(desk.world.workspace.id)
    ana = Person(server, desk.world.people["ana"])
    assert ana.call("GET", f"/requests/{request['id']}/evidence").json()["told"] == []
    sequence(desk.world.workspace.id)
    page = ana.http.get(f"{server.url}/requests/{request['id']}/evidence", timeout=30).text
    assert "Nobody was told by any channel" in page
