"""Commands for callbacks, tools, the kill switch and the instance's keys: what they say, and what is so."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from agents import keys
from agents.models import Agent, Key
from approvals.models import Request
from callbacks import endpoints
from callbacks.models import Endpoint, EndpointKey
from core import ids
from core.addresses import allowed_networks
from oversight.models import Kill
from people.models import Workspace
from signing import signatures
from signing.keys import PERMIT, signers
from signing.models import SigningKey
from signing.sealing import sealer
from tests.approvals.world import World
from tests.commands.test_commands import manage, refuse, run
from tests.core.receivers import allow
from tests.events import events_of, kinds_of, side_of

URL = "http://127.0.0.1:9/hook"
ASK = {
    "name": "Ask",
    "action": "payments.refund",
    "effect": "ask",
    "ask": {"stages": [{"any_of": ["lead"]}]},
}


@pytest.fixture(autouse=True)
def _loopback_is_allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    allow(monkeypatch, "127.0.0.0/8")
    yield
    allowed_networks.cache_clear()


@pytest.fixture
def world() -> World:
    return World({"lead": ["ana"]}, [ASK])


class TestEndpointCreate:
    def test_it_shows_the_secret_that_signs(self, world: World) -> None:
        said = run(
            *("endpoint_create", world.slug, "bot", URL),
            *("--event", "request.rejected", "--event", "request.approved"),
        )
        endpoint = Endpoint.objects.get(agent=world.agent)
        assert said["id"] == ids.encode("end", endpoint.id)
        assert (endpoint.url, endpoint.events) == (URL, ["request.approved", "request.rejected"])
        [key] = EndpointKey.objects.filter(endpoint=endpoint)
        opened = sealer().open(bytes(key.secret), endpoints.about(key.id, "secret"))
        assert signatures.parse_secret(said["secret"]) == opened
        assert signatures.show_public(bytes(key.public)) == said["public_key"]
        [event] = events_of(world.workspace.id, "endpoint.created")
        assert event["actor"] == {"type": "operator", "id": None, "via": "endpoint_create"}
        assert side_of(event, "url") == URL.encode()
        assert said["secret"] not in str(events_of(world.workspace.id))

    def test_without_types_it_hears_of_every_one(self, world: World) -> None:
        run("endpoint_create", world.slug, "bot", URL)
        assert Endpoint.objects.get(agent=world.agent).events == []
        failed, text = refuse("endpoint_create", world.slug, "bot", URL)
        assert failed["code"] == "endpoint_exists"
        assert text == "This agent has an endpoint of this address."

    @pytest.mark.parametrize(
        ("arguments", "argument", "begins"),
        [
            (("no-such", "bot", URL), "SLUG", "SLUG: There is no workspace “no-such”"),
            (("{w}", "x", URL), "AGENT", "AGENT: Workspace “{w}” has no agent “x”"),
            (("{w}", "bot", "ftp://a.example"), "URL", "URL: The address must begin"),
            (("{w}", "bot", "https://10.0.0.1/"), "URL", "URL: The host of the address"),
            (("{w}", "bot", URL, "--event", "done"), "--event", "--event: The types are"),
            (("{w}", "bot", URL, "--event", "endpoint.test"), "--event", "--event: The types"),
        ],
        ids=str,
    )
    def test_a_wrong_argument_is_named_and_makes_nothing(
        self, world: World, arguments: tuple[str, ...], argument: str, begins: str
    ) -> None:
        failed, text = refuse("endpoint_create", *(one.format(w=world.slug) for one in arguments))
        assert failed["argument"] == argument
        assert text.startswith(begins.format(w=world.slug))
        assert not Endpoint.objects.filter(agent=world.agent).exists()


class TestPlainHttp:
    def test_it_is_switched_on_and_off(self, world: World, monkeypatch: Any) -> None:
        monkeypatch.delenv("ASSENTRY_EGRESS_ALLOW")
        allowed_networks.cache_clear()
        plain = "http://93.184.216.34/hook"
        assert refuse("endpoint_create", world.slug, "bot", plain)[0]["argument"] == "URL"
        told: list[bool] = []
        for allowed in ("on", "on", "off", "off"):
            said = run("workspace_plain_http", world.slug, allowed)
            is_on = Workspace.objects.get(id=world.workspace.id).plain_http
            assert said["plain_http"] is is_on is (allowed == "on")
            told.append(said["changed"])
            if told == [True]:
                assert run("endpoint_create", world.slug, "bot", plain)["id"].startswith("end_")
        assert told == [True, False, True, False]
        events = events_of(world.workspace.id, "workspace.plain_http_set")
        assert [event["data"] for event in events] == [{"allowed": True}, {"allowed": False}]

    def test_wrong_arguments(self, world: World) -> None:
        assert refuse("workspace_plain_http", "no-such", "on")[0]["argument"] == "SLUG"
        with pytest.raises(CommandError, match="invalid choice: 'maybe'"):
            call_command("workspace_plain_http", world.slug, "maybe")
        assert "workspace.plain_http_set" not in kinds_of(world.workspace.id)


class TestToolKeys:
    def test_a_key_of_a_tool(self, world: World) -> None:
        said = run(
            *("key_create", world.slug, "--kind", "tool", "--name", "till", "--expires-in", "30d"),
            *("--action", "payments.refund", "--action", "mail.send"),
        )
        made = Key.objects.get(id=keys.parse(said["key"]).id)
        assert (keys.parse(said["key"]).kind, said["id"]) == ("tool", ids.encode("key", made.id))
        assert (made.kind, made.name, made.agent_id) == ("tool", "till", None)
        assert (made.actions, made.scopes) == (["mail.send", "payments.refund"], [])
        assert made.expires_at is not None
        assert (made.expires_at - made.created_at).days in (29, 30)
        event = events_of(world.workspace.id, "key.created")[-1]
        assert event["data"]["name"] == "till"
        assert said["key"].rpartition("_")[2] not in str(event)
        # It opens what a tool may, and nothing else.
        assert run("key_revoke", world.slug, said["id"])["changed"] is True

    @pytest.mark.parametrize(
        ("arguments", "argument"),
        [
            (("tool",), "--name"),
            (("tool", "--name", ""), "--name"),
            (("tool", "--name", " "), "--name"),
            (("tool", "--name", "x" * 81), "--name"),
            (("tool", "--name", "till", "--agent", "bot"), "--agent"),
            (("tool", "--name", "till", "--rate-limit", "5"), "--rate-limit"),
            (("tool", "--name", "till", "--rate-limit", "0"), "--rate-limit"),
            (("tool", "--name", "till", "--scope", "requests:submit"), "--scope"),
            (("tool", "--name", "till", "--action", ""), "--action"),
            (("tool", "--name", "till", "--action", "x" * 121), "--action"),
            (("tool", "--name", "till", "--expires-in", "1w"), "--expires-in"),
            (("agt",), "--agent"),
            (("agt", "--agent", "bot", "--name", "till"), "--name"),
            (("agt", "--agent", "bot", "--action", "mail.send"), "--action"),
        ],
        ids=str,
    )
    def test_an_option_that_does_not_fit_is_named_and_makes_nothing(
        self, world: World, arguments: tuple[str, ...], argument: str
    ) -> None:
        before = Key.objects.filter(workspace=world.workspace).count()
        failed, text = refuse("key_create", world.slug, "--kind", *arguments)
        assert failed["argument"] == argument
        assert text.startswith(f"{argument}: ")
        assert Key.objects.filter(workspace=world.workspace).count() == before


class TestKill:
    def state(self, world: World) -> str:
        return Agent.objects.get(id=world.agent.id).state

    def test_it_stops_an_agent_and_gives_it_back(self, world: World) -> None:
        pending = [world.submit() for _ in range(3)]
        said = run("kill", world.slug, "bot", "--reason", "It runs wild.")
        assert (said["mode"], said["scope"], said["cancelled"], said["revoked"]) == (
            *("press", "agent", 3, 0),
        )
        assert said["agents"] == [
            {"id": ids.encode("agt", world.agent.id), "name": "bot", "state": "suspended"}
        ]
        assert self.state(world) == "suspended"
        failed, text = refuse("agent_state", world.slug, "bot", "active")
        assert (failed["code"], self.state(world)) == ("agent_stopped", "suspended")
        assert text == "The kill switch stopped it: undo that use, and it acts again."
        rows = Request.objects.filter(workspace_id=world.workspace.id)
        assert {(row.status, row.basis) for row in rows} == {("cancelled", "kill_switch")}
        assert len(rows) == len(pending)
        [event] = events_of(world.workspace.id, "kill_switch.pressed")
        assert event["actor"] == {"type": "operator", "id": None, "via": "kill"}
        assert side_of(event, "reason") == b"It runs wild."
        [row] = Kill.objects.filter(workspace=world.workspace)
        assert (said["id"], row.person_id) == (ids.encode("kil", row.id), None)
        assert run("kill", world.slug, "--undo", said["id"])["undone_at"] is not None
        assert self.state(world) == "active"
        assert refuse("kill", world.slug, "--undo", said["id"])[0]["code"] == "kill_undone"
        assert kinds_of(world.workspace.id).count("kill_switch.undone") == 1

    @pytest.mark.parametrize(
        ("options", "mode", "event"),
        [
            (("--dry-run",), "dry_run", []),
            (("--drill", "--reason", "Quarterly"), "drill", ["kill_switch.drilled"]),
        ],
    )
    def test_it_says_what_it_would_stop(
        self, world: World, options: tuple[str, ...], mode: str, event: list[str]
    ) -> None:
        request = world.submit()
        said = run("kill", world.slug, "--every-agent", *options)
        assert (said["mode"], said["scope"], said["cancelled"], said["id"]) == (
            *(mode, "workspace", 1, None),
        )
        assert self.state(world) == "active"
        assert world.seen("ana", request)["status"] == "pending"
        assert [one for one in kinds_of(world.workspace.id) if "kill" in one] == event
        assert not Kill.objects.filter(workspace=world.workspace).exists()

    @pytest.mark.parametrize(
        ("arguments", "argument"),
        [
            ((), "AGENT"),
            (("--reason", "x"), "AGENT"),
            (("bot", "--every-agent", "--reason", "x"), "AGENT"),
            (("bot", "--undo", "kil_01h455vb4pex5vsknk084sn02q"), "AGENT"),
            (("--every-agent", "--undo", "kil_01h455vb4pex5vsknk084sn02q"), "AGENT"),
            (("nobody", "--reason", "x"), "AGENT"),
            (("bot",), "--reason"),
            (("bot", "--reason", " "), "--reason"),
            (("bot", "--reason", "x" * 1_001), "--reason"),
            (("--undo", "agt_01h455vb4pex5vsknk084sn02q"), "--undo"),
            (("--undo", "kil_01h455vb4pex5vsknk084sn02q"), "--undo"),
        ],
        ids=lambda one: str(one)[:60],
    )
    def test_a_wrong_argument_is_named_and_stops_nothing(
        self, world: World, arguments: tuple[str, ...], argument: str
    ) -> None:
        request = world.submit()
        failed, text = refuse("kill", world.slug, *arguments)
        assert failed["argument"] == argument
        assert text.startswith(f"{argument}: ")
        assert self.state(world) == "active"
        assert world.seen("ana", request)["status"] == "pending"

    def test_another_workspaces_use_is_not_undone(self, world: World) -> None:
        other = World({"lead": ["ana"]})
        kill = run("kill", other.slug, "bot", "--reason", "x")["id"]
        assert refuse("kill", world.slug, "--undo", kill)[0]["argument"] == "--undo"
        assert self.state(other) == "suspended"
        assert refuse("kill", "no-such", "bot", "--reason", "x")[0]["argument"] == "SLUG"

    def test_from_a_shell(self, world: World) -> None:
        assert manage("kill", world.slug).returncode == 2
        assert manage("kill", world.slug, "bot", "--drill", "--dry-run").returncode == 2
        done = manage("kill", world.slug, "bot", "--reason", "It runs wild.")
        assert done.returncode == 0
        assert done.stdout.startswith("Stopped bot in ")


class TestKeysOfTheInstance:
    def test_a_new_signing_key(self, world: World) -> None:
        before = signers.current(PERMIT).id
        said = run("signing_key_rotate")
        assert (said["before"], said["after"]) == (before, signers.current(PERMIT).id)
        assert before != said["after"]
        [active] = SigningKey.objects.filter(purpose=PERMIT, retired_at=None)
        assert active.id == said["after"]
        assert SigningKey.objects.get(id=before).retired_at is not None
        event = events_of(world.workspace.id, "signing_key.rotated")[-1]
        assert event["actor"]["via"] == "signing_key_rotate"
        assert event["data"] == {"purpose": PERMIT, **said}
        for command in ("signing_key_rotate", "secrets_reseal"):
            with pytest.raises(CommandError, match="unrecognized arguments"):
                call_command(command, "now")
        assert signers.current(PERMIT).id == said["after"]

    def test_secrets_are_sealed_anew(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        run("endpoint_create", world.slug, "bot", URL)
        row = EndpointKey.objects.get(endpoint__agent=world.agent)
        before, old = bytes(row.secret), list(settings.SEALING_KEYS)
        place = endpoints.about(row.id, "secret")
        opened = sealer().open(before, place)
        new = secrets.token_bytes(32)
        # Without the key that sealed them nothing is changed, and it is said which is missing.
        monkeypatch.setattr(settings, "SEALING_KEYS", [new])
        _, text = refuse("secrets_reseal")
        assert "the key that sealed it is not in ASSENTRY_SEALING_KEY: put it back, last" in text
        row.refresh_from_db()
        assert bytes(row.secret) == before
        try:
            monkeypatch.setattr(settings, "SEALING_KEYS", [new, *old])
            first, second = run("secrets_reseal"), run("secrets_reseal")
            assert first["changed"] >= 2
            assert second == {"changed": 0, "unchanged": first["changed"] + first["unchanged"]}
            monkeypatch.setattr(settings, "SEALING_KEYS", [new])
            row.refresh_from_db()
            assert sealer().open(bytes(row.secret), place) == opened
        finally:
            monkeypatch.setattr(settings, "SEALING_KEYS", [*old, new])
            run("secrets_reseal")
