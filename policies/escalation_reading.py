"""From the `escalations` of a document to their steps, with the faults of the whole reading."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final, cast

from policies import schema
from policies.assurance import TELLINGS, Telling
from policies.errors import quoted
from policies.plan import Does
from policies.shapes import Shapes
from policies.source import Node
from policies.terms import EscalationStep

_NAME: Final = re.compile(schema.ESCALATION_NAME)
_TARGETS: Final = {
    "notify": (
        re.compile(schema.NOTIFIED),
        "whom to tell: role:<name>, schedule:<name> or person:<address>",
    ),
    "widen": (re.compile(rf"role:{schema.ROLE_NAME}"), "a role, such as role:finance_manager"),
    "page": (re.compile(schema.PAGER), "the name of a pager (a-z, 0-9, - and _)"),
}


class EscalationReader:
    """Reads escalations for `reader`, which collects what is wrong with them."""

    def __init__(self, reader: Shapes) -> None:
        self.reader = reader

    def escalations(self, node: Node | None) -> dict[str, tuple[EscalationStep, ...]]:
        """Return each escalation by its name, its steps as they are written."""
        form = "the name of an escalation (a-z, 0-9, _)"
        found = {}
        for name, child, _ in self.reader.named(node, _NAME, form, 100, 60):
            if child.kind == "list" and not child.items:
                self.reader.fail(child.place, "At least one step stands here.")
            found[name] = tuple(self.reader.listed(child, self.step, schema.MAX_STEPS))
        return found

    def step(self, node: Node) -> EscalationStep | None:
        """Return the step that `node` says, or None where it is too faulty to take."""
        reader = self.reader
        fields = reader.fields(node, "step", "a step")
        if node.kind != "map":
            return None
        after, business = reader.business_duration(fields.get("after"))
        said = [one for one in schema.DOES if one in fields]
        if len(said) != 1:
            reader.fail(
                node.place, f"A step does one thing: write one of {', '.join(schema.DOES)}."
            )
            return None
        does: Does = said[0]
        target = self.target(does, fields[does])
        via = self.via(node, does, fields.get("via"))
        every, times = self.repeat(node, does, fields.get("repeat"))
        if after is None or target is None:
            return None
        return EscalationStep(after, does, target, via, business, every, times, node.place)

    def target(self, does: Does, node: Node) -> str | None:
        """Return whom or what the step is about: a text of its form, or `true` where it needs none."""
        if does not in _TARGETS:
            if node.value is not True:
                self.reader.fail(node.place, f"Write “{does}: true”.")
                return None
            return ""
        pattern, form = _TARGETS[does]
        written = self.reader.string(node, 300)
        if written and not pattern.fullmatch(written):
            self.reader.fail(node.place, f"{quoted(written)} is not {form}.")
            return None
        kind, colon, name = written.partition(":")
        return f"person:{name.strip().lower()}" if kind == "person" and colon else written or None

    def via(self, step: Node, does: Does, node: Node | None) -> tuple[Telling, ...]:
        """Return the channels of a step that tells people."""
        if node is None:
            return ()
        if does not in ("remind", "notify"):
            self.reader.fail(step.keys["via"], "“via” says how people are told: remove it here.")
        return tuple(cast("list[Telling]", self.reader.some(node, TELLINGS)))

    def repeat(self, step: Node, does: Does, node: Node | None) -> tuple[timedelta | None, int]:
        """Return how often a step is taken again, and how long after each time."""
        if node is None:
            return None, 0
        fields = self.reader.fields(node, "repeat", "“repeat”")
        if does in ("widen", "expire"):
            detail = f"“{does}” is done once: remove “repeat”."
            self.reader.fail(step.keys["repeat"], detail)
        every = self.reader.duration(fields.get("every"))
        times = fields.get("times")
        value = times.value if times is not None else None
        if times is None:
            return every, 0
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not 1 <= cast("int", value) <= schema.MAX_REPEATS:
            detail = f"Write a whole number from 1 to {schema.MAX_REPEATS}."
            self.reader.fail(times.place, detail)
            return every, 0
        return every, cast("int", value)
