"""What only the whole document shows of its escalations: roles that exist, steps that can be reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core import durations
from policies.errors import Place, PolicyError, nearest, quoted
from policies.source import Node
from policies.terms import DEADLINES, Document, EscalationStep, Rule


def of_document(document: Document, root: Node) -> Iterator[PolicyError]:
    """Yield what is wrong with the escalations themselves."""
    for name, steps in document.escalations.items():
        expires = [step for step in steps if step.does == "expire"]
        for step in steps:
            node = root.at([*step.place.path.split("/")[1:3], int(step.place.path.split("/")[3])])
            yield from _target(document, step, node)
            if any(step.after > end.after for end in expires):
                detail = f"{quoted(name)} has expired by then: this step can never be taken."
                yield _error(step.place, detail)


def of_rule(document: Document, rule: Rule, node: Node) -> Iterator[PolicyError]:
    """Yield what is wrong with how a rule escalates."""
    if rule.ask is None:
        return
    name = rule.ask.escalation
    if name is not None and name not in document.escalations:
        hint = nearest(name, document.escalations)
        place = node.at(["ask", "escalation"]).place
        yield _error(place, f"The escalation {quoted(name)} is not declared.{hint}")
        return
    steps = document.escalations.get(name, ()) if name is not None else ()
    if steps:
        place = node.at(["ask", "escalation"]).place
        yield from _reached(document, rule, steps, place)
    yield from _of_business(document, rule, node)
    confirms = any(stage.confirm for stage in rule.ask.stages)
    if confirms and any(step.does == "widen" for step in steps):
        detail = "Where somebody confirms, nobody may do it for them: no step can widen it."
        yield _error(node.at(["ask", "escalation"]).place, detail)


def _target(document: Document, step: EscalationStep, node: Node) -> Iterator[PolicyError]:
    kind, _, name = step.target.partition(":")
    if kind == "schedule" and name not in document.schedules:
        hint = nearest(name, document.schedules)
        detail = f"The schedule {quoted(name)} is not declared.{hint}"
        yield _error(node.at([step.does]).place, detail)
    if step.does in ("notify", "widen") and kind == "role":
        role = document.roles.get(name)
        place = node.at([step.does]).place
        if role is None:
            hint = nearest(name, document.roles)
            yield _error(place, f"The role {quoted(name)} is not declared.{hint}")
        elif role.empty:
            yield _error(place, f"Nobody is in {quoted(name)}: add a member to it.")


def _of_business(document: Document, rule: Rule, node: Node) -> Iterator[PolicyError]:
    """Where only open hours count, the first role that is asked has a schedule that says which those are."""
    ask = rule.ask
    if ask is None:
        return
    steps = document.escalations.get(ask.escalation, ()) if ask.escalation else ()
    counts = [] if not ask.business else [node.at(["ask", "expires_in"]).place]
    counts += [node.at(["ask", "escalation"]).place] if any(s.business for s in steps) else []
    if counts and not hours_of(document, ask.stages[0].any_of if ask.stages else ()):
        detail = (
            "“of business” counts the hours of a schedule: give the first role that is asked one."
        )
        yield _error(counts[0], detail)


def hours_of(document: Document, roles: Sequence[str]) -> str:
    """Return the schedule whose open hours count for these roles: the first's that has one; else empty."""
    named = (document.roles.get(name) for name in roles)
    return next((role.schedule for role in named if role is not None and role.schedule), "")


def _reached(
    document: Document, rule: Rule, steps: tuple[EscalationStep, ...], place: Place
) -> Iterator[PolicyError]:
    """A step that would come after the deadline of every action that the rule covers is a mistake."""
    ask = rule.ask
    if ask is None or ask.business:
        return
    covered = [action.risk for action in document.actions.values() if rule.covers(action.type)]
    lives = [ask.expires_in or DEADLINES[risk] for risk in covered]
    if not lives:
        return
    longest = max(lives)
    for step in steps:
        if not step.business and step.after >= longest:
            detail = (
                f"Its step after {durations.show(step.after)} is never taken: "
                f"it expires after {durations.show(longest)}."
            )
            yield _error(place, detail)


def _error(place: Place, detail: str) -> PolicyError:
    return PolicyError(place.line, place.column, place.path, detail)
