"""What people set for themselves over HTTP: preferences, Slack users, browsers."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from audit.actor import Actor
from core import ids
from core.addresses import allowed_networks
from notifications.models import PushSubscription, SlackBinding, SlackInstallation
from notifications.push import encryption
from notifications.push.subscriptions import MOST_OF_A_USER
from notifications.slack import binding
from tests.api.tenant import Person, Tenant
from tests.api.test_openapi import check
from tests.core.receivers import allow
from tests.events import events_of, kinds_of
from tests.factories import PersonFactory

EMPTY = {
    "channels": None,
    "quiet_from": None,
    "quiet_until": None,
    "timezone": "UTC",
    "digest": "none",
    "outcomes": True,
}


def faults(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(one["pointer"], one["code"]) for one in answer.json()["errors"]]


@pytest.fixture
def ana(tenant: Tenant) -> Person:
    return tenant.person()


class TestPreferences:
    def test_it_is_read_set_and_read(self, tenant: Tenant, ana: Person) -> None:
        assert ana.call("GET", "/me/preferences").json() == EMPTY
        wanted = {
            "channels": ["email", "push"],
            "quiet_from": "22:00",
            "quiet_until": "07:00",
            "timezone": "Europe/Berlin",
            "digest": "daily",
            "outcomes": False,
        }
        put = ana.call("PUT", "/me/preferences", json=wanted)
        assert (put.status_code, put.json()) == (200, wanted)
        check("put", "/api/v1/me/preferences", put)
        got = ana.call("GET", "/me/preferences")
        assert got.json() == wanted
        check("get", "/api/v1/me/preferences", got)
        [event] = events_of(tenant.workspace.id, "preference.set")
        assert event["actor"]["id"] == ids.encode("per", tenant.one.id)
        back = ana.call("PUT", "/me/preferences", json={"timezone": "UTC"})
        assert back.json() == ana.call("GET", "/me/preferences").json() == EMPTY

    @pytest.mark.parametrize(
        ("body", "found"),
        [
            ({"channels": ["sms"]}, [("/channels/0", "unknown_channel")]),
            ({"channels": "email"}, [("/channels", "wrong_shape")]),
            ({"channels": ["email", "email"]}, [("/channels/1", "named_twice")]),
            ({"quiet_from": "22:00"}, [("/quiet_until", "missing")]),
            ({"quiet_from": 22, "quiet_until": 7}, [("/quiet_from", "wrong_shape")]),
            ({"timezone": "Mars/Olympus"}, [("/timezone", "unknown_timezone")]),
            ({"timezone": None}, [("/timezone", "wrong_shape")]),
            ({"digest": "weekly"}, [("/digest", "unknown_digest")]),
            ({"outcomes": "no"}, [("/outcomes", "wrong_shape")]),
        ],
    )
    def test_what_is_refused_names_its_field_and_changes_nothing(
        self, tenant: Tenant, ana: Person, body: dict[str, Any], found: list[tuple[str, str]]
    ) -> None:
        assert faults(ana.call("PUT", "/me/preferences", json=body)) == found
        assert ana.call("GET", "/me/preferences").json() == EMPTY
        assert "preference.set" not in kinds_of(tenant.workspace.id)

    def test_an_unknown_member_is_no_wish(self, ana: Person) -> None:
        answer = ana.call("PUT", "/me/preferences", json={"quiet_to": "07:00"})
        assert answer.status_code == 422

    def test_each_workspace_of_a_user_has_its_own(self, tenant: Tenant) -> None:
        other = PersonFactory(email=tenant.one.user.email)
        both = tenant.person()
        assert both.call("GET", "/me/preferences").status_code == 400
        here = {"Assentry-Workspace": tenant.workspace.slug}
        there = {"Assentry-Workspace": other.workspace.slug}
        assert (
            both.call("PUT", "/me/preferences", json={"digest": "daily"}, headers=here).status_code
            == 200
        )
        assert both.call("GET", "/me/preferences", headers=there).json() == EMPTY
        assert both.call("GET", "/me/preferences", headers=here).json()["digest"] == "daily"

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/me/preferences"),
            ("PUT", "/me/preferences"),
            ("GET", "/me/slack"),
            ("DELETE", "/me/slack/slu_01h455vb4pex5vsknk084sn02q"),
            ("GET", "/me/browsers"),
            ("POST", "/me/browsers"),
            ("DELETE", "/me/browsers/psh_01h455vb4pex5vsknk084sn02q"),
        ],
    )
    def test_it_is_for_people_and_their_own_pages(
        self, tenant: Tenant, ana: Person, method: str, path: str
    ) -> None:
        assert tenant.call(method, path).status_code == 403  # a key is no person
        if method != "GET":
            forged = ana.call(method, path, headers={"X-CSRFToken": "x" * 32})
            assert forged.status_code == 403
            assert forged.json()["type"].endswith("csrf_failed")


def slack_of(tenant: Tenant, user: str = "U0ANA") -> SlackBinding:
    """The person of a tenant, connected with a Slack user."""
    installation, _ = SlackInstallation.objects.get_or_create(
        workspace=tenant.workspace, app_id="A1", team_id="T1", name="Acme", bot_user_id="UB"
    )
    link = binding.link_for(
        workspace=tenant.workspace.id,
        installation=installation.id,
        team="T1",
        user=user,
        user_name=user.removeprefix("U0").lower(),
    )
    from_slack = link.rpartition("/")[2]
    return binding.bind(
        actor=Actor.person(tenant.one.id, channel="web"),
        person=tenant.one,
        token=from_slack,
    )


class TestSlack:
    def test_it_is_listed_and_disconnected(self, tenant: Tenant, ana: Person) -> None:
        bound = slack_of(tenant)
        got = ana.call("GET", "/me/slack")
        check("get", "/api/v1/me/slack", got)
        [one] = got.json()["results"]
        assert one | {"connected_at": ""} == {
            "id": ids.encode("slu", bound.id),
            "place": "Acme",
            "team_id": "T1",
            "user_id": "U0ANA",
            "name": "ana",
            "works": True,
            "connected_at": "",
        }
        gone = ana.call("DELETE", f"/me/slack/{one['id']}")
        assert (gone.status_code, gone.content) == (204, b"")
        assert ana.call("GET", "/me/slack").json() == {"results": []}
        assert kinds_of(tenant.workspace.id).count("slack.unbound") == 1
        assert ana.call("DELETE", f"/me/slack/{one['id']}").status_code == 404

    def test_a_broken_app_is_said(self, tenant: Tenant, ana: Person) -> None:
        slack_of(tenant)
        SlackInstallation.objects.filter(workspace=tenant.workspace).update(state="broken")
        [one] = ana.call("GET", "/me/slack").json()["results"]
        assert one["works"] is False

    def test_nobody_disconnects_another(self, tenant: Tenant, ana: Person) -> None:
        path = f"/me/slack/{ids.encode('slu', slack_of(tenant).id)}"
        stranger = Tenant(tenant.server).person()
        for who in (tenant.person(tenant.two), stranger):
            assert who.call("DELETE", path).status_code == 404
            assert who.call("GET", "/me/slack").json() == {"results": []}
        for nonsense in ("psh_01h455vb4pex5vsknk084sn02q", "x"):
            assert ana.call("DELETE", f"/me/slack/{nonsense}").status_code == 404
        assert len(ana.call("GET", "/me/slack").json()["results"]) == 1


def browser(number: int = 0, **more: Any) -> dict[str, Any]:
    """A subscription as browsers write it, at an address on the open net."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return {
        "endpoint": f"https://93.184.216.34/send/{number}",
        "keys": {
            "p256dh": encryption.encoded(encryption.public_bytes(key)),
            "auth": encryption.encoded(b"0123456789abcdef"),
        },
        **more,
    }


class TestBrowsers:
    def test_one_is_added_listed_and_removed(self, tenant: Tenant, ana: Person) -> None:
        wanted = browser(browser="Firefox on Linux")
        made = ana.call("POST", "/me/browsers", json=wanted)
        assert made.status_code == 201, made.text
        check("post", "/api/v1/me/browsers", made)
        got = ana.call("GET", "/me/browsers")
        check("get", "/api/v1/me/browsers", got)
        assert got.json()["results"] == [made.json()]
        assert len(encryption.decoded(got.json()["public_key"])) == 65
        assert made.json()["browser"] == "Firefox on Linux"
        assert wanted["endpoint"] not in got.text
        assert wanted["keys"]["auth"] not in got.text
        assert kinds_of(tenant.workspace.id).count("push.subscribed") == 1
        assert ana.call("DELETE", f"/me/browsers/{made.json()['id']}").status_code == 204
        assert ana.call("GET", "/me/browsers").json()["results"] == []
        [event] = events_of(tenant.workspace.id, "push.unsubscribed")
        assert event["data"] == {"reason": "by_hand"}

    def test_the_same_again_is_one_and_another_user_takes_it_over(
        self, tenant: Tenant, ana: Person
    ) -> None:
        wanted = browser(7)
        for _ in range(2):
            assert ana.call("POST", "/me/browsers", json=wanted).status_code == 201
        assert len(ana.call("GET", "/me/browsers").json()["results"]) == 1
        ben = tenant.person(tenant.two)
        assert ben.call("POST", "/me/browsers", json=wanted).status_code == 201
        assert ana.call("GET", "/me/browsers").json()["results"] == []
        [theirs] = ben.call("GET", "/me/browsers").json()["results"]
        assert ana.call("DELETE", f"/me/browsers/{theirs['id']}").status_code == 404
        assert len(ben.call("GET", "/me/browsers").json()["results"]) == 1

    @pytest.mark.parametrize(
        ("endpoint", "code"),
        [
            ("http://93.184.216.34/send", "malformed"),
            ("ftp://93.184.216.34/send", "malformed"),
            ("", "malformed"),
            ("https://10.0.0.1/send", "address_refused"),
            ("https://127.0.0.1/send", "address_refused"),
            ("https://[::1]/send", "address_refused"),
            ("https://169.254.169.254/latest/meta-data", "address_refused"),
            ("https://metadata.google.internal/", "address_refused"),
            ("https://ana:secret@93.184.216.34/", "address_refused"),
            ("https://93.184.216.34:8443/send", "address_refused"),
            ("https://93.184.216.34/\x00", "address_refused"),
        ],
    )
    def test_an_address_that_may_not_be_called_is_none(
        self, ana: Person, endpoint: str, code: str
    ) -> None:
        wanted = browser() | {"endpoint": endpoint}
        answer = ana.call("POST", "/me/browsers", json=wanted)
        if "\x00" in endpoint:
            assert answer.status_code == 400
        else:
            assert faults(answer) == [("/endpoint", code)]
        assert ana.call("GET", "/me/browsers").json()["results"] == []

    @pytest.mark.parametrize(
        "keys",
        [
            {"p256dh": "", "auth": ""},
            {"p256dh": "B" * 87, "auth": encryption.encoded(b"0123456789abcdef")},
            {"p256dh": browser()["keys"]["p256dh"], "auth": encryption.encoded(b"short")},
            {"p256dh": browser()["keys"]["p256dh"][:-1] + "!", "auth": "x"},
        ],
    )
    def test_keys_that_nothing_can_be_encrypted_with(
        self, ana: Person, keys: dict[str, str]
    ) -> None:
        answer = ana.call("POST", "/me/browsers", json=browser(keys=keys))
        assert faults(answer) == [("/keys", "malformed")]

    def test_the_twenty_first_is_refused(self, tenant: Tenant, ana: Person) -> None:
        for number in range(MOST_OF_A_USER):
            assert ana.call("POST", "/me/browsers", json=browser(number)).status_code == 201
        answer = ana.call("POST", "/me/browsers", json=browser(99))
        check("post", "/api/v1/me/browsers", answer)
        assert answer.status_code == 409
        assert answer.json()["type"].endswith("too_many_browsers")
        assert ana.call("POST", "/me/browsers", json=browser(3)).status_code == 201
        assert PushSubscription.objects.filter(user=tenant.one.user).count() == MOST_OF_A_USER

    def test_the_operator_may_list_where_push_services_are(
        self, ana: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        allow(monkeypatch, "127.0.0.0/8")
        wanted = browser() | {"endpoint": "https://127.0.0.1:8443/send"}
        assert ana.call("POST", "/me/browsers", json=wanted).status_code == 201
        monkeypatch.undo()
        allowed_networks.cache_clear()
