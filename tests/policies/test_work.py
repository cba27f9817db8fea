"""Working with a policy over HTTP: checked, compared and tested, and nothing is saved."""

from __future__ import annotations

from typing import Any

import pytest

from policies.models import PolicyVersion
from policies.permissions import set_policy_permission
from policies.services import apply
from tests.api.tenant import Person, Tenant
from tests.events import kinds_of
from tests.factories import ACTOR, PersonFactory
from tests.server import Live

POLICY = """
assentry: 1
fallback: lead
roles:
  lead: {{title: Lead, members: [{one}]}}
  money: {{members: [{two}]}}
actions:
  pay.refund: {{risk: low}}
  pay.tip: {{risk: low}}
  web.get: {{risk: low}}
rules:
  - {{name: Small, action: pay.refund, when: payload.n <= 50, effect: allow}}
  - {{name: Large, action: pay.refund, when: payload.n > 1000, effect: ask, ask: {{stages: [{{any_of: [money]}}], expires_in: 4h}}}}
  - {{name: Tips, action: pay.tip, effect: allow}}
tools:
  crm: {{labels: [data.pii]}}
tests:
  - {{name: A small one, given: {{action: pay.refund, payload: {{n: 50}}}}, expect: {{effect: allow}}}}
"""


class Desk(Tenant):
    """A workspace with a policy, and somebody who may edit it."""

    def __init__(self, server: Live) -> None:
        super().__init__(server)
        self.text = POLICY.format(one=self.one.user.email, two=self.two.user.email)
        apply(actor=ACTOR, workspace=self.workspace, text=self.text)
        set_policy_permission(
            actor=ACTOR, workspace=self.workspace, person=self.one, permission="edit", held=True
        )
        self.editor = self.person(self.one)

    def edited(self, *pairs: tuple[str, str]) -> str:
        text = self.text
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        return text

    def work(self, what: str, text: str, who: Person | None = None) -> Any:
        answer = (who or self.editor).call("POST", f"/policies/{what}", json={"text": text})
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def desk(server: Live) -> Desk:
    return Desk(server)


@pytest.mark.parametrize("what", ["check", "diff", "test"])
def test_it_takes_the_permission_to_edit_and_saves_nothing(desk: Desk, what: str) -> None:
    reviewer = desk.person(desk.two)
    before = PolicyVersion.objects.filter(workspace=desk.workspace).count()
    kinds = kinds_of(desk.workspace.id)
    assert desk.work(what, desk.edited(("effect: allow}}", "effect: deny}}")))["ok"] is (
        what == "diff"
    )
    body = {"json": {"text": desk.text}}
    refused = reviewer.call("POST", f"/policies/{what}", **body)
    assert (refused.status_code, refused.json()["type"][-9:]) == (403, "forbidden")
    assert desk.call("POST", f"/policies/{what}", **body).status_code == 403
    assert desk.editor.call("POST", f"/policies/{what}", json={}).status_code == 422
    assert PolicyVersion.objects.filter(workspace=desk.workspace).count() == before
    assert kinds_of(desk.workspace.id) == kinds


def test_who_may_only_edit_applies_nothing_and_who_may_only_apply_tries_nothing(desk: Desk) -> None:
    set_policy_permission(
        actor=ACTOR, workspace=desk.workspace, person=desk.two, permission="approve", held=True
    )
    approver, body = desk.person(desk.two), {"json": {"text": desk.text + "# more\n"}}
    before = PolicyVersion.objects.filter(workspace=desk.workspace).count()
    kinds = kinds_of(desk.workspace.id)
    refused = [desk.editor.call("POST", "/policies", **body)]
    refused += [approver.call("POST", f"/policies/{what}", **body) for what in ("check", "diff", "test")]  # fmt: skip
    assert [(one.status_code, one.json()["type"][-9:]) for one in refused] == [(403, "forbidden")] * 4  # fmt: skip
    assert PolicyVersion.objects.filter(workspace=desk.workspace).count() == before
    assert kinds_of(desk.workspace.id) == kinds
    assert approver.call("POST", "/policies", **body).status_code == 201


def test_check_tells_all_faults_with_their_place(desk: Desk) -> None:
    assert desk.work("check", desk.text) == {"ok": True, "errors": [], "warnings": []}
    stranger = PersonFactory().user.email
    text = desk.edited(
        (desk.two.user.email, stranger), ("expect: {effect: allow}", "expect: {effect: deny}")
    )
    found = desk.work("check", text)
    assert found["ok"] is False
    assert [(one["line"], one["path"]) for one in found["errors"]] == [
        (6, "/roles/money/members/0"),
        (18, "/tests/0"),
    ]
    assert found["errors"][1] == {
        "line": 18,
        "column": 5,
        "path": "/tests/0",
        "detail": ("Case “A small one” fails: expected effect deny; it comes to allow by “Small”."),
    }


def test_test_says_what_came_of_each_case(desk: Desk) -> None:
    more = (
        desk.text
        + "  - {given: {action: pay.refund, payload: {n: 5000}}, expect: {effect: ask, stages: [[lead]]}}\n"
    )
    found = desk.work("test", more)
    assert (found["ok"], found["errors"], found["passed"], found["failed"]) == (False, [], 1, 1)
    assert found["cases"] == [
        {
            "name": "A small one",
            "line": 18,
            "passed": True,
            "expected": {"effect": "allow"},
            "came": {
                "effect": "allow",
                "rule": "Small",
                "stages": [],
                "approvals": [],
                "channels": ["slack", "email", "web"],
                "assurance": "chat",
            },
            "why": "Rule “Small” matched: payload.n <= 50.",
            "differs": None,
        },
        {
            "name": None,
            "line": 19,
            "passed": False,
            "expected": {"effect": "ask", "stages": [["lead"]]},
            "came": {
                "effect": "ask",
                "rule": "Large",
                "stages": [["money"]],
                "approvals": [1],
                "channels": ["slack", "email", "web"],
                "assurance": "chat",
            },
            "why": "Rule “Large” matched: payload.n > 1000.",
            "differs": "expected stages [[lead]]; it comes to ask by “Large”: money",
        },
    ]
    faulty = desk.work("test", "assentry: 1\n")
    assert (faulty["ok"], faulty["passed"], faulty["cases"]) == (False, 0, [])
    assert faulty["errors"][0]["line"] == 1


CHANGES: list[tuple[tuple[str, str], dict[str, str]]] = [
    (
        ("fallback: lead", "fallback: money"),
        {"leans": "depends", "what": "fallback", "name": "money", "change": "changed", "text": "The fallback is money; it was lead."},
    ),
    (
        ("title: Lead, ", "title: Boss, "),
        {"leans": "neither", "what": "role", "name": "lead", "change": "changed", "text": "Role “lead”: title Lead → Boss."},
    ),
    (
        ("{title: Lead, ", "{title: Lead, slack: C0123ABC, channels: [slack, push], "),
        {
            "leans": "neither", "what": "role", "name": "lead", "change": "changed",
            "text": "Role “lead”: Slack channel none → C0123ABC; told by none → slack, push.",
        },
    ),
    (
        ("expires_in: 4h}", "expires_in: 4h, channels: [slack, web], assurance: session}"),
        {
            "leans": "depends", "what": "rule", "name": "Large", "change": "changed",
            "text": "Rule “Large”: decided in slack or email or web → slack or web; assurance by risk → session.",
        },
    ),
    (
        ("action: pay.tip, effect: allow", "action: pay.tip, effect: ask, ask: {confirm: owner, channels: [email], assurance: link}"),
        {
            "leans": "tighter", "what": "rule", "name": "Tips", "change": "changed",
            "text": "Rule “Tips”: effect allow → ask; asks the owner, to confirm, decided in email, assurance link.",
        },
    ),
    (
        ("actions:\n", "  new: {}\nactions:\n"),
        {"leans": "neither", "what": "role", "name": "new", "change": "added", "text": "Role “new” is added: filled by hand."},
    ),
    (
        ("  web.get: {risk: low}\n", ""),
        {"leans": "tighter", "what": "action", "name": "web.get", "change": "removed", "text": "Action “web.get” is removed."},
    ),
    (
        ("web.get: {risk: low}", "web.get: {risk: high, labels: [net], sensitive: [/a], show: Get}"),
        {
            "leans": "tighter", "what": "action", "name": "web.get", "change": "changed",
            "text": (
                "Action “web.get”: risk low → high; labels none → net; sensitive none → /a; "
                "the line that is shown changes."
            ),
        },
    ),
    (
        ("payload.n > 1000, effect: ask", "payload.n > 900, effect: ask"),
        {
            "leans": "depends", "what": "rule", "name": "Large", "change": "changed",
            "text": "Rule “Large”: when payload.n > 1000 → payload.n > 900.",
        },
    ),
    (
        ("{stages: [{any_of: [money]}], expires_in: 4h}", "{stages: [{any_of: [lead, money], approvals: 2, distinct_from_earlier: true}, {any_of: [money]}], on_expiry: allow}"),
        {
            "leans": "looser", "what": "rule", "name": "Large", "change": "changed",
            "text": (
                "Rule “Large”: asks money → 2 of lead or money (not who approved before), then money; "
                "time 4h → by risk; on expiry expire → allow."
            ),
        },
    ),
    (
        ("{stages: [{any_of: [money]}], expires_in: 4h}", "{confirm: initiator, comment: always, expires_in: 4h}"),
        {
            "leans": "depends", "what": "rule", "name": "Large", "change": "changed",
            "text": "Rule “Large”: asks money → the initiator, to confirm; comment on_reject → always.",
        },
    ),
    (
        ("expires_in: 4h}", "expires_in: 4h, permit: {valid_for: 5m, result_within: 2h}}"),
        {
            "leans": "looser", "what": "rule", "name": "Large", "change": "changed",
            "text": "Rule “Large”: permit valid_for 15m → 5m; permit result_within 1h → 2h.",
        },
    ),
    (
        ("action: pay.tip, effect: allow", "action: pay.tip, effect: allow, permit: {use_by: 1h}"),
        {
            "leans": "tighter", "what": "rule", "name": "Tips", "change": "changed",
            "text": "Rule “Tips”: permit use_by 1d → 1h.",
        },
    ),
    (
        ("action: pay.tip, effect: allow", "action: pay.tip, effect: ask, ask: {confirm: owner, permit: {use_by: 1h}}"),
        {
            "leans": "tighter", "what": "rule", "name": "Tips", "change": "changed",
            "text": "Rule “Tips”: effect allow → ask; asks the owner, to confirm; permit use_by 1d → 1h.",
        },
    ),
    (
        ("tools:\n", "  - {name: New, action: web.*, when: run.cost > 5, effect: deny, reason: No.}\ntools:\n"),
        {
            "leans": "tighter", "what": "rule", "name": "New", "change": "added",
            "text": "Rule “New” is added: deny web.* when run.cost > 5.",
        },
    ),
    (
        ("[data.pii]", "[data.pii, data.eu]"),
        {"leans": "tighter", "what": "tool", "name": "crm", "change": "changed", "text": "Tool “crm”: labels data.pii → data.pii, data.eu."},
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "change"), CHANGES, ids=[each[1]["text"][:80] for each in CHANGES]
)
def test_diff_says_in_words_what_changes(
    desk: Desk, edit: tuple[str, str], change: dict[str, str]
) -> None:
    found = desk.work("diff", desk.edited(edit))
    assert (found["ok"], found["errors"], found["against"]) == (True, [], 2)
    assert found["changes"] == [change]


def test_diff_finds_nothing_in_the_same_text(desk: Desk) -> None:
    same = "# Another comment\n" + desk.text
    assert desk.work("diff", same) == {
        "ok": True, "errors": [], "against": 2, "changes": [], "effects": [],
    }  # fmt: skip


def test_diff_says_whose_membership_and_whose_place_changes(desk: Desk) -> None:
    one, two = desk.one.user.email, desk.two.user.email
    found = desk.work("diff", desk.edited((f"[{one}]", f"[{two}]")))
    assert [each["text"] for each in found["changes"]] == [
        f"Role “lead”: {two} joins; {one} leaves."
    ]
    lines = desk.text.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if "Tips" in line)
    moved = "".join([*lines[: at - 2], lines[at], *lines[at - 2 : at], *lines[at + 1 :]])
    assert [each["text"] for each in desk.work("diff", moved)["changes"]] == [
        "Rule “Tips” stands first now."
    ]


def test_diff_says_what_comes_of_the_same_submission(desk: Desk) -> None:
    text = desk.edited(
        ("payload.n <= 50", "payload.n <= 20"),
        ("action: pay.tip, effect: allow", "action: pay.tip, effect: deny"),
    )
    text += "  - {given: {action: pay.refund, payload: {n: 21}}, expect: {effect: ask}}\n"
    found = desk.work("diff", text)
    assert found["effects"] == [
        {
            "action": "pay.tip",
            "case": None,
            "before": "allow by “Tips”",
            "after": "deny by “Tips”",
            "text": "Every pay.tip: allow by “Tips” → deny by “Tips”",
            "leans": "tighter",
        },
        {
            "action": "pay.refund",
            "case": "“A small one”",
            "before": "allow by “Small”",
            "after": "ask as no rule matches: lead",
            "text": "Case “A small one”: allow by “Small” → ask as no rule matches: lead",
            "leans": "tighter",
        },
        {
            "action": "pay.refund",
            "case": "2 of the new document",
            "before": "allow by “Small”",
            "after": "ask as no rule matches: lead",
            "text": "Case 2 of the new document: allow by “Small” → ask as no rule matches: lead",
            "leans": "tighter",
        },
    ]
    assert found["changes"][-1]["text"] == "2 cases stand under tests; there were 1."


def test_diff_of_a_faulty_document_has_its_faults(desk: Desk) -> None:
    found = desk.work("diff", desk.edited(("fallback: lead", "fallback: leed")))
    assert found["ok"] is False
    assert [one["detail"] for one in found["errors"]] == [
        "The role “leed” is not declared. Did you mean “lead”?"
    ]


def test_a_submission_is_tried_on_a_document_that_is_not_active(desk: Desk) -> None:
    when = "payload.n <= 70 && agent.count('pay.refund', '1d') < 3"

    def tried(**given: Any) -> Any:
        body = {"text": desk.edited(("when: payload.n <= 50", f'when: "{when}"'))}
        answer = desk.editor.call("POST", "/policies/test", json=body | {"given": given})
        assert answer.status_code == 200, answer.text
        return answer.json()["tried"]

    came = tried(action="pay.refund", payload={"n": 70})
    assert (came["came"]["effect"], came["came"]["rule"], came["refused"]) == (
        "allow",
        "Small",
        None,
    )
    assert came["trace"] == [
        {
            "rule": "Small",
            "when": when,
            "result": "true",
            "error": None,
        }
    ]
    busy = tried(action="pay.refund", payload={"n": 70}, count=3)
    assert (busy["came"]["effect"], busy["came"]["stages"]) == ("ask", [["lead"]])
    assert [one["result"] for one in busy["trace"]] == ["false", "false"]
    failed = tried(action="pay.refund", payload={})
    assert [one["result"] for one in failed["trace"]] == ["error", "error"]
    unknown = tried(action="pay.refnd", payload={})
    assert unknown["refused"] == "It would be refused: the action “pay.refnd” is not declared."
    assert (unknown["came"], unknown["trace"]) == ({}, [])
    assert desk.work("test", desk.text)["tried"] is None
