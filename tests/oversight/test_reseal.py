"""Every sealed value of the database is sealed anew: found by its bytes, not by a list."""

from __future__ import annotations

import secrets

import pytest
from django.conf import settings
from django.db import connections
from pytest_django import Settings

from demo.slack.double import Double
from notifications.others import channels
from notifications.pagers import registry
from notifications.push import subscriptions
from notifications.slack import installs
from notifications.slack.installs import Wanted
from oversight import rotation
from people import factors
from signing.sealing import FORMAT, sealer
from signing.sealing_keys import key_id
from tests.approvals.world import TEST, World
from tests.demo.slack.conftest import Clock
from tests.factories import PersonFactory, user_of
from tests.notifications.desk import SECRET, TOKEN, double_with_team
from tests.people.steps import App

OTHER_SECRET = "1d6f05e8f1a64cbd9a1ffdcd8f2b1c7e"


def sealed_with(key: bytes) -> set[tuple[str, str]]:
    """Every (table, column) of the database that holds a value sealed with this key."""
    found = set()
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND data_type = 'bytea'"
        )
        for table, column in cursor.fetchall():
            cursor.execute(
                f'SELECT EXISTS (SELECT 1 FROM "{table}" WHERE substr("{column}", 1, %s) = %s)',
                [len(FORMAT + key_id(key)), FORMAT + key_id(key)],
            )
            if cursor.fetchone() == (True,):
                found.add((table, column))
    return found


@pytest.fixture
def world(settings: Settings) -> World:
    """With something in each sealed column of channels."""
    made = World({"lead": ["ana"]})
    with Double() as double:
        settings.SLACK_API_URL = double.api_url
        double.state.clock = Clock()
        double_with_team(double)
        wanted = Wanted(TOKEN, SECRET, "xapp-1-0123456789")
        app = installs.connect(actor=TEST, workspace=made.workspace, wanted=wanted)
        installs.change(
            actor=TEST,
            workspace=made.workspace.id,
            installation=app.id,
            wanted=Wanted(signing_secret=OTHER_SECRET),
        )
    channels.add(
        actor=TEST, workspace=made.workspace, name="ops", role="lead", url="json://127.0.0.1/x"
    )
    registry.add(actor=TEST, workspace=made.workspace, name="night-desk", routing_key="R" * 32)
    subscriptions.public_key()
    return made


def test_secrets_of_second_factors_are_sealed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand inside JSON, where no column says so."""
    app = App(user_of(PersonFactory())).set_up()
    old, new = list(settings.SEALING_KEYS), secrets.token_bytes(32)
    monkeypatch.setattr(settings, "SEALING_KEYS", [new, *old])
    try:
        assert rotation.reseal().changed >= 2
        assert rotation.reseal().changed == 0
        monkeypatch.setattr(settings, "SEALING_KEYS", [new])
        assert factors.check_code(app.user, app.at(1), purpose="sign_in") == "totp"
        assert factors.check_code(app.user, app.codes[0], purpose="sign_in") == "recovery_code"
    finally:
        monkeypatch.setattr(settings, "SEALING_KEYS", [*old, new])
        rotation.reseal()


def test_nothing_that_is_sealed_is_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    old = list(settings.SEALING_KEYS)
    known = {(one.table, one.column) for one in rotation.SEALED}
    before = sealed_with(old[0])
    assert {one for one in known if one[0].startswith("notifications_")} <= before <= known
    new = secrets.token_bytes(32)
    monkeypatch.setattr(settings, "SEALING_KEYS", [new, *old])
    try:
        rotation.reseal()
        assert sealed_with(old[0]) == set()
        assert sealed_with(new) == before
        monkeypatch.setattr(settings, "SEALING_KEYS", [new])
        assert subscriptions.public_key()
        assert sealer().key_id == key_id(new)
    finally:
        monkeypatch.setattr(settings, "SEALING_KEYS", [*old, new])
        rotation.reseal()
