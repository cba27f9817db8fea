"""A workspace in which every page has something to show, and where each page is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from audit.models import Event
from audit.sequencer import sequence
from core import ids
from escalations import drills
from oversight.exports import asking
from oversight.exports.asking import Ask
from oversight.exports.query import Query
from oversight.models import Kill
from oversight.numbers.sections import SECTIONS
from people import links
from people.models import AccountLink
from people.permissions import grant_permission
from policies.services import apply
from tests.factories import ACTOR, AgentFactory, KeyFactory, PersonFactory, bearer
from tests.pages.office import ACTIONS, Office
from tests.pages.test_settings import bind, installed, link_of, subscribe
from tests.pages.yard import Yard, line_up
from tests.server import Live

LARGE: Final = {f"item {number}": f"value {number} " * 8 for number in range(400)}


class House:
    """Vera administers, audits and reviews; Olga's agent asked for all kinds of things."""

    def __init__(self, server: Live) -> None:
        self.office = office = Office(server)
        for permission in ("administer", "audit"):
            grant_permission(
                actor=ACTOR, workspace=office.workspace, person=office.vera, permission=permission
            )
        self._apply()
        self._asked()
        self._looked_after()

    def _apply(self) -> None:
        office = self.office
        shift = {"who": [office.rita.user.email, office.ron.user.email], "from": "2026-01-05T08:00"}
        document = {
            "assentry": 1,
            "fallback": "reviewers",
            "roles": {
                "reviewers": {
                    "title": "Reviewers",
                    "members": [
                        office.rita.user.email,
                        office.ron.user.email,
                        office.vera.user.email,
                    ],
                    "schedule": "desk",
                },
            },
            "schedules": {"desk": {"timezone": "Europe/Berlin", "shifts": [shift]}},
            "actions": ACTIONS | {"mail.send": ACTIONS["mail.send"] | {"editable": ["/to"]}},
            "rules": [],
        }
        apply(actor=ACTOR, workspace=office.workspace, text=json.dumps(document))

    def _asked(self) -> None:
        office = self.office
        run = self.call("/runs", external_id="case-7", agent_version="2")
        step = {
            "tool": "find_user",
            "call_id": "c1",
            "status": "succeeded",
            "started_at": "2026-05-04T09:30:00Z",
            "labels": ["data.pii"],
        }
        self.call(f"/runs/{run['id']}/steps", steps=[step])
        self.run = run["id"]
        self.ended, self.rejected = office.ask(), office.ask()
        rita = office.browser(office.rita)
        for request_id, verdict in ((self.ended, "approve"), (self.rejected, "reject")):
            page = rita.get(f"/requests/{request_id}")
            form = page.form(f"/requests/{request_id}/decide", verdict=verdict)
            rita.submit(form, comment="Looked at it.")
        self.pending = office.ask(
            payload={"to": "ana@example.com", "secret": "x", "note": "pay\u200bpal"},
            summary="She asked\u202e for it.",
            context={"ticket": 9},
            run=run["id"],
        )
        self.large = office.ask("money.pay", LARGE)
        office.ask()
        options = [{"value": "a", "label": "The first"}, {"value": "b", "label": "The second"}]
        self.question = self.call(
            "/questions", to="reviewers", prompt="Which one?", options=options
        )["id"]

    def _looked_after(self) -> None:
        office, self.yard = self.office, Yard.__new__(Yard)
        self.yard.office = office
        self.slack = installed(office)
        self.slack_link = link_of(self.slack)
        bind(office.vera, self.slack, user="U0VERA", name="vera")
        subscribe(office.vera)
        self.endpoint = self.yard.register("http://127.0.0.1:9/hooks/assentry").endpoint
        [self.delivery] = line_up(self.endpoint, "exhausted", 3)
        workspace = office.workspace.id
        sequence(workspace)
        made = asking.ask(actor=ACTOR, workspace=workspace, wanted=Ask(Query()))
        self.export = ids.encode("exp", made.id)
        self.drill = ids.encode("drl", drills.start(actor=ACTOR, workspace=workspace, role=None))
        other = AgentFactory(workspace=office.workspace, owner=office.lena, name="other-bot")
        KeyFactory(agent=other)
        vera = office.browser(office.vera)
        look = vera.get(f"/stop?what={ids.encode('agt', other.id)}")
        vera.submit(look.form("/stop", how="stop"), reason="It runs wild.")
        self.kill = ids.encode("kil", Kill.objects.get(workspace_id=workspace).id)
        nia = PersonFactory(workspace=office.workspace, name="Nia New", password=None)
        link = links.make(
            actor=ACTOR,
            kind=AccountLink.Kind.INVITATION,
            user=nia.user,
            person=nia,
            handed_to=AccountLink.Handed.ADMINISTRATOR,
            mail=False,
        )
        self.account = (link.url or "").removeprefix(office.server.url)
        event = Event.objects.filter(workspace_id=workspace).earliest("at")
        self.event = ids.encode("evt", event.id)
        sequence(workspace)

    def call(self, path: str, **body: Any) -> dict[str, Any]:
        """What the agent is answered."""
        answer = self.office.server.call(
            "POST", path, json=body, headers=bearer(self.office.key.token)
        )
        assert answer.status_code < 300, answer.text
        return dict(answer.json())


def _at(pattern: str) -> Callable[[House], str]:
    return lambda house: pattern.format(house=house)


#: The name of each address that answers with a page → where it is in a house; after a colon: in what state.
PAGES: Final[dict[str, Callable[[House], str]]] = {
    "inbox": _at("/"),
    "inbox:all": _at("/?view=all"),
    "together": _at("/together?chosen={house.pending}"),
    "views": _at("/views"),
    "request": _at("/requests/{house.pending}"),
    "request:ended": _at("/requests/{house.ended}"),
    "request:rejected": _at("/requests/{house.rejected}"),
    "request:large": _at("/requests/{house.large}"),
    "request:question": _at("/requests/{house.question}"),
    "alike": _at("/alike/{house.pending}"),
    "request_log": _at("/requests/{house.pending}/log"),
    "evidence": _at("/requests/{house.ended}/evidence"),
    "log": _at("/log"),
    "exports": _at("/log/exports"),
    "event": _at("/log/{house.event}"),
    "run": _at("/runs/{house.run}"),
    "endpoints": _at("/endpoints"),
    "endpoint": lambda house: f"/endpoints/{ids.encode('end', house.endpoint.id)}",
    "endpoint_delete": lambda house: f"/endpoints/{ids.encode('end', house.endpoint.id)}/delete",
    "channels": _at("/channels"),
    "slack_remove": lambda house: f"/channels/slack/{ids.encode('sla', house.slack.id)}/remove",
    "schedules": _at("/schedules"),
    "schedule": _at("/schedules/desk"),
    "numbers": _at("/numbers"),
    **{f"numbers_section:{one}": _at(f"/numbers/{one}") for one in SECTIONS},
    "agents": _at("/agents"),
    "agent": lambda house: f"/agents/{ids.encode('agt', house.office.agent.id)}",
    "agent_retire": lambda house: f"/agents/{ids.encode('agt', house.office.agent.id)}/retire",
    "keys": _at("/keys"),
    "key": lambda house: f"/keys/{ids.encode('key', house.office.key.key.id)}",
    "key_revoke": lambda house: f"/keys/{ids.encode('key', house.office.key.key.id)}/revoke",
    "policy": _at("/policy"),
    "policy_edit": _at("/policy/edit"),
    "policy_versions": _at("/policy/versions"),
    "policy_version": _at("/policy/versions/1"),
    "workspace_settings": _at("/workspace/settings"),
    "security": _at("/settings/security"),
    "confirm": _at("/settings/security/confirm"),
    "security_totp": _at("/settings/security/totp"),
    "delivery": _at("/deliveries/{house.delivery}"),
    "rehearsal": _at("/rehearsal"),
    "request_rehearsal": _at("/requests/{house.pending}/rehearsal"),
    "drills": _at("/drills"),
    "drill": _at("/drills/{house.drill}"),
    "coverage": _at("/coverage"),
    "attention": _at("/attention"),
    "stop": _at("/stop"),
    "stop:look": lambda house: f"/stop?what={ids.encode('agt', house.office.agent.id)}",
    "stopped": _at("/stop/{house.kill}"),
    "settings": _at("/settings"),
    "people": _at("/people"),
    "people_invite": _at("/people/invite"),
    "person": lambda house: f"/people/{ids.encode('per', house.office.ron.id)}",
    "person_deactivate": lambda house: (
        f"/people/{ids.encode('per', house.office.ron.id)}/deactivate"
    ),
    "roles": _at("/roles"),
    "slack_link": _at("{house.slack_link}"),
    "past_the_plan": _at("/break-glass"),
    "no such page": _at("/nowhere"),
}
#: Pages for which somebody must not be signed in, or that come by mail: they have tests of their own here.
APART: Final = frozenset(
    {"sign_in", "second_factor", "mail_link", "forgot_password", "account_link"}
)
#: What answers with something else than a page.
NO_PAGES: Final = frozenset(
    [
        "ask_confirm",
        "ask_decide",
        "ask_break_glass",
        "ask_passkey",
        "ask_passkey_sign_in",
        "ask_second",
        "oidc_begin",
        "oidc_callback",
        "oidc_leave",
        "service_worker",
        "manifest",
        "evidence_json",
        "evidence_pdf",
        "export_file",
        "export_manifest",
        "numbers_csv",
        "queue_fragment",
        "exports_fragment",
        "request_fragment",
    ]
)
#: What only takes a form, and leads on.
POSTED: Final = frozenset(
    [
        "choose_workspace",
        "chosen",
        "view_change",
        "sign_out",
        "decide",
        "reveal",
        "cancel",
        "comment",
        "claim",
        "release",
        "reassign",
        "watch",
        "unwatch",
        "break_glass",
        "review",
        "undo",
        "escalate",
        "extend",
        "log_verify",
        "endpoint_disable",
        "endpoint_events",
        "slack_try",
        "endpoint_test",
        "endpoint_rotate",
        "endpoint_enable",
        "endpoint_replay",
        "slack_connect",
        "mail_test",
        "slack_secrets",
        "slack_test",
        "schedule_override",
        "schedule_cancel",
        "schedule_swap",
        "schedule_calendar",
        "delivery_replay",
        "drill_confirm",
        "stop_undo",
        "settings_away",
        "settings_back",
        "settings_disconnect",
        "settings_remove_browser",
        "agent_keys",
        "agent_owner",
        "agent_resume",
        "agent_suspend",
        "key_rotate",
        "workspace_callbacks",
        "workspace_hold",
        "workspace_lift",
        "workspace_name",
        "workspace_retention",
        "factor_remove",
        "oidc_link",
        "passkey_sign_in",
        "security_codes",
        "security_passkeys",
        "security_password",
        "session_end",
        "sessions_end",
        "person_unbind",
        "person_activate",
        "person_withdraw",
        "person_again",
        "person_reset",
        "person_rename",
        "person_take",
        "person_give",
        "person_revoke",
        "person_grant",
    ]
)
