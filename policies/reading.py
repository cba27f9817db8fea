"""From the tree of a document to its terms, collecting every fault on the way.

What is faulty is replaced by something harmless, so that reading goes on and one run reports
everything; a document with errors is never returned to anybody but the checks.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final, cast

from core import durations
from core.canonical import JSON
from policies import payloads, pointers, schema, show, source
from policies.assurance import CHANNELS, LADDER, OPENED, TELLINGS, Assurance, Channel, Telling
from policies.case_reading import CaseReader
from policies.cel import Condition, Variables, compile_condition
from policies.errors import Place
from policies.escalation_reading import EscalationReader
from policies.plan import Comment, Confirm, Effect, PermitTerms, Risk, Stage
from policies.schedule_reading import SCHEDULE, SCHEDULE_FORM, ScheduleReader
from policies.shapes import ACTION, ROLE, Shapes
from policies.source import Node
from policies.terms import Action, Ask, Document, Role, Rule
from policies.tokens import ConditionError

_PATTERN: Final = re.compile(rf"\*|{schema.ACTION_NAME}(\.\*)?")
_SLACK_CHANNEL: Final = re.compile(schema.SLACK_CHANNEL)
_GROUP: Final = re.compile(schema.GROUP)
_TOOL: Final = re.compile(r"[^\x00-\x1f\x7f]+")


class Reader(Shapes):
    """Reads one document; `errors` has what was wrong."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.variables = Variables()

    # The document

    def document(self, root: Node) -> Document | None:
        fields = self.fields(root, None, "the document")
        version = fields.get("assentry")
        if version is not None and (version.value != 1 or isinstance(version.value, bool)):
            self.fail(version.place, "This server reads format 1: write “assentry: 1”.")
        fallback = self.role_name(fields["fallback"]) if "fallback" in fields else None
        roles = {
            name: self.role(name, node, place)
            for name, node, place in self.named(
                fields.get("roles"), ROLE, "a role name (a-z, 0-9, _)", 500
            )
        }
        form = "an action such as payments.refund (a-z, 0-9, _, dots)"
        actions = {
            name: self.action(name, node, fallback or "")
            for name, node, _ in self.named(fields.get("actions"), ACTION, form, 1_000)
        }
        rules = self.listed(fields.get("rules"), self.rule, 1_000)
        tools = self.tools(fields["tools"]) if "tools" in fields else {}
        escalations = EscalationReader(self).escalations(fields.get("escalations"))
        cases = CaseReader(self)
        tests = self.listed(fields.get("tests"), cases.case, schema.MAX_CASES)
        schedules = ScheduleReader(self).schedules(fields.get("schedules"))
        if fallback is None or not roles or not actions:
            return None
        return Document(
            fallback=fallback,
            roles=roles,
            actions=actions,
            rules=tuple(rules),
            tools=tools,
            escalations=escalations,
            tests=tuple(tests),
            variables=self.variables,
            schedules=schedules,
        )

    def role_name(self, node: Node) -> str | None:
        return self.matching(node, ROLE, "a role name (a-z, 0-9, _)")

    def role(self, name: str, node: Node, place: Place) -> Role:
        fields = self.fields(node, "role", "a role")
        title = self.string(fields["title"], schema.MAX_NAME) if "title" in fields else ""
        members = fields.get("members")
        people = None if members is None else tuple(self.listed(members, self.member, 1_000))
        seen: set[str] = set()
        for member in people or ():
            if member.email in seen:
                self.fail(member.place, "This person stands in the role twice: keep one.")
            seen.add(member.email)
        slack = None
        if "slack" in fields:
            form = "the id of a Slack channel, such as C0123ABC"
            slack = self.matching(fields["slack"], _SLACK_CHANNEL, form)
        tell = self.some(fields["channels"], TELLINGS) if "channels" in fields else []
        schedule = None
        if "schedule" in fields:
            schedule = self.matching(fields["schedule"], SCHEDULE, SCHEDULE_FORM)
        group = None
        if "group" in fields:
            form = "a group of the identity provider, such as idp:privacy-team"
            group = self.matching(fields["group"], _GROUP, form)
        return Role(
            name,
            title or name.replace("_", " ").capitalize(),
            people,
            place,
            slack,
            tuple(cast("list[Telling]", tell)),
            schedule,
            group.removeprefix("idp:") if group else None,
        )

    def action(self, name: str, node: Node, fallback: str) -> Action:
        fields = self.fields(node, "action", "an action")
        title = self.string(fields["title"], schema.MAX_NAME) if "title" in fields else ""
        owner = self.role_name(fields["owner"]) if "owner" in fields else None
        risk = self.choice(fields["risk"], schema.RISKS, "medium") if "risk" in fields else "medium"

        return Action(
            name,
            title or name,
            owner or fallback,
            cast("Risk", risk),
            self.labels(fields.get("labels")),
            self.payload_schema(fields.get("schema")),
            self.template(fields.get("show")),
            tuple(self.listed(fields.get("editable"), self.pointer, 100)),
            tuple(self.listed(fields.get("sensitive"), self.pointer, 100)),
        )

    def labels(self, node: Node | None) -> tuple[str, ...]:
        def label(item: Node) -> str | None:
            return self.matching(item, ACTION, "a label such as money.out")

        return tuple(self.listed(node, label, 50))

    def tools(self, node: Node) -> dict[str, tuple[str, ...]]:
        named = self.named(
            node, _TOOL, "a tool's name (1 to 200 characters)", 1_000, schema.MAX_TOOL
        )
        found: dict[str, tuple[str, ...]] = {}
        for name, child, _ in named:
            fields = self.fields(child, "tool", "a tool")
            if (
                "labels" in fields
                and fields["labels"].kind == "list"
                and not fields["labels"].items
            ):
                self.fail(fields["labels"].place, "At least one label stands here.")
            found[name] = self.labels(fields.get("labels"))
        return found

    def payload_schema(self, node: Node | None) -> payloads.PayloadSchema:
        if node is None or not self.kind(node, "map"):
            return payloads.compiled(type="object")
        try:
            return payloads.PayloadSchema(cast("dict[str, JSON]", node.plain()))
        except payloads.SchemaError as error:
            self.fail(node.at(error.path).place, error.detail)
            return payloads.compiled(type="object")

    def template(self, node: Node | None) -> show.Template | None:
        written = self.string(node, schema.MAX_TEXT) if node is not None else ""
        if node is None or not written:
            return None
        try:
            return show.parse(written)
        except show.TemplateError as error:
            self.fail(source.position(self.text, node, error.offset), error.detail)
            return None

    def pointer(self, node: Node) -> str | None:
        if node.kind == "scalar" and node.value == "" and node.style is not None:
            return ""  # the whole payload
        written = self.string(node, pointers.MAX_LENGTH)
        try:
            pointers.parse(written)
        except pointers.BadPointerError as error:
            self.fail(node.place, str(error))
            return None
        return written or None

    # Rules

    def rule(self, node: Node) -> Rule | None:
        fields = self.fields(node, "rule", "a rule")
        if node.kind != "map":
            return None
        name = self.string(fields["name"], schema.MAX_NAME) if "name" in fields else ""
        form = "an action, a prefix such as http.*, or *"
        action = self.matching(fields["action"], _PATTERN, form) if "action" in fields else None
        effect = self.choice(fields["effect"], schema.EFFECTS, "") if "effect" in fields else ""
        when = self.condition(fields["when"]) if "when" in fields else None
        ask = self.ask(fields["ask"]) if "ask" in fields else None
        if effect in ("allow", "deny") and "ask" in fields:
            self.fail(
                node.keys["ask"], f"“{effect}” asks nobody: remove “ask”, or write effect: ask."
            )
        if effect == "ask" and "ask" not in fields:
            detail = "“effect: ask” needs “ask”, with “stages” or with “confirm”."
            self.fail(fields["effect"].place, detail)
        permit = self.rule_permit(node, fields.get("permit"), effect)
        if effect == "allow" and when is not None and when.reads:
            place = source.position(self.text, fields["when"], when.reads_at)
            detail = (
                "What a run reports may only tighten, so “allow” cannot read it: "
                "write an ask or deny rule for it above this one."
            )
            self.fail(place, detail)
        reason = self.string(fields["reason"], schema.MAX_TEXT) if "reason" in fields else None
        if not name or not action or not effect:
            return None
        return Rule(
            name, action, cast("Effect", effect), when, ask, reason or None, node.place, permit
        )

    def rule_permit(self, rule: Node, node: Node | None, effect: str) -> PermitTerms:
        """Read `permit` beside an effect: only an `allow` has it there."""
        permit = self.permit(node)
        if node is not None and effect == "ask":
            detail = "With “effect: ask”, “permit” stands in “ask”: move it there."
            self.fail(rule.keys["permit"], detail)
        if node is not None and effect == "deny":
            detail = "“deny” lets nothing run: remove “permit”."
            self.fail(rule.keys["permit"], detail)
        return permit

    def condition(self, node: Node) -> Condition | None:
        written = self.string(node, 256 * 1024)
        if not written:
            return None
        try:
            return compile_condition(written, self.variables)
        except ConditionError as error:
            self.fail(source.position(self.text, node, error.offset), error.detail)
            return None

    def ask(self, node: Node) -> Ask | None:
        fields = self.fields(node, "ask", "ask")
        if node.kind != "map":
            return None
        if ("stages" in fields) == ("confirm" in fields):
            place = node.keys["confirm"] if "confirm" in fields else node.place
            self.fail(place, "Write either “stages” or “confirm”.")
        stages: tuple[Stage, ...] = ()
        if "confirm" in fields:
            who = self.choice(fields["confirm"], schema.CONFIRMS, "owner")
            stages = (Stage((), confirm=cast("Confirm", who)),)
        elif "stages" in fields:
            stages = tuple(self.listed(fields["stages"], self.stage, schema.MAX_STAGES))
            if fields["stages"].kind == "list" and not fields["stages"].items:
                self.fail(fields["stages"].place, "At least one stage stands here.")
        expiry = self.expiry(fields["on_expiry"]) if "on_expiry" in fields else "expire"
        comment = "on_reject"
        if "comment" in fields:
            comment = self.choice(fields["comment"], schema.COMMENTS, "on_reject")
        expires_in, business = self.business_duration(fields.get("expires_in"))
        return Ask(
            stages,
            expires_in,
            expiry,
            cast("Comment", comment),
            self.permit(fields.get("permit")),
            self.channels(fields.get("channels"), fields.get("dwell")),
            self.assurance(fields.get("assurance")),
            self.string(fields["escalation"], 60) or None if "escalation" in fields else None,
            self.duration(fields.get("extend")),
            business,
            self.dwell(fields.get("dwell")),
        )

    def channels(self, node: Node | None, dwell: Node | None) -> tuple[Channel, ...]:
        usual = CHANNELS if dwell is None else OPENED
        named = self.some(node, CHANNELS) if node is not None else []
        if node is None or len(named) < len(node.items):
            return usual
        return tuple(one for one in CHANNELS if one in named) or usual

    def dwell(self, node: Node | None) -> timedelta | None:
        return None if node is None else self.bounded(node, *schema.DWELL)

    def bounded(self, node: Node, least: str, most: str) -> timedelta | None:
        found = self.duration(node)
        if found is not None and not durations.parse(least) <= found <= durations.parse(most):
            self.fail(node.place, f"Write a duration from {least} to {most}.")
            return None
        return found

    def assurance(self, node: Node | None) -> Assurance | None:
        if node is None:
            return None
        return cast("Assurance", self.choice(node, LADDER, "session"))

    def permit(self, node: Node | None) -> PermitTerms:
        fields = self.fields(node, "permit", "permit") if node is not None else {}
        written = {f"{part}_s": self.permit_part(part, child) for part, child in fields.items()}
        return PermitTerms(**written)

    def permit_part(self, part: str, node: Node) -> int:
        """Read one part of `permit`, in seconds; its default where it is faulty."""
        least, most, default = schema.PERMIT[part]
        found = self.bounded(node, least, most)
        return int((found or durations.parse(default)).total_seconds())

    def expiry(self, node: Node) -> str:
        value = self.string(node, schema.MAX_NAME)
        if value in ("expire", "allow") or not value:
            return value or "expire"
        if not (value.startswith("ask:") and ROLE.fullmatch(value[4:])):
            self.fail(node.place, "Write expire, allow, or ask:<role>.")
            return "expire"
        return value

    def stage(self, node: Node) -> Stage | None:
        fields = self.fields(node, "stage", "a stage")
        if node.kind != "map":
            return None
        roles = self.listed(fields.get("any_of"), self.role_name, 20)
        if "any_of" in fields and fields["any_of"].kind == "list" and not fields["any_of"].items:
            self.fail(fields["any_of"].place, "At least one role stands here.")
        distinct = fields.get("distinct_from_earlier")
        if distinct is not None and not isinstance(distinct.value, bool):
            self.fail(distinct.place, "Write true or false.")
        return Stage(
            tuple(roles),
            self.votes(fields.get("approvals")),
            self.votes(fields.get("rejections")),
            bool(distinct is not None and distinct.value is True),
        )
