"""What only the whole document shows: names that exist, quorums that can be met, risk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies import escalation_checks
from policies.assurance import OPENED, PROVES, usable
from policies.errors import Place, PolicyError, nearest, quoted
from policies.plan import Stage
from policies.source import Node
from policies.terms import ASSURANCES, Action, Ask, Document, Rule


def faults(document: Document, root: Node) -> Iterator[PolicyError]:
    """Yield every fault between the parts of `document`; `root` says where they stand."""
    yield from _roles(document, root)
    yield from _schedules(document, root)
    yield from _repeated(document, root)
    for rule in document.rules:
        yield from _actions(document, rule, _node(root, rule))
        yield from _quorums(document, rule, _node(root, rule))
        yield from _expiry(document, rule, _node(root, rule))
        yield from _proofs(document, rule, _node(root, rule))
        yield from escalation_checks.of_rule(document, rule, _node(root, rule))
    yield from escalation_checks.of_document(document, root)


def _node(root: Node, rule: Rule) -> Node:
    return root.at(["rules", int(rule.place.path.rsplit("/", 1)[1])])


def _error(place: Place, detail: str) -> PolicyError:
    return PolicyError(place.line, place.column, place.path, detail)


def _roles(document: Document, root: Node) -> Iterator[PolicyError]:
    """Every role that is named must be declared."""
    named = [root.at(["fallback"])]
    for action in root.entries["actions"].entries.values():
        named += [action.entries["owner"]] if "owner" in action.entries else []
    for rule in document.rules:
        ask = _node(root, rule).entries.get("ask")
        stages = ask.entries.get("stages") if ask else None
        for stage in stages.items if stages else ():
            named += stage.at(["any_of"]).items
    for node in named:
        if isinstance(node.value, str) and node.value not in document.roles:
            yield _unknown_role(document, node.place, node.value)
    fallback = document.roles.get(document.fallback)
    if fallback is not None and fallback.empty:
        yield _error(named[0].place, f"Nobody is in {quoted(fallback.name)}: add a member to it.")


def _unknown_role(document: Document, place: Place, name: str) -> PolicyError:
    hint = nearest(name, document.roles)
    return _error(place, f"The role {quoted(name)} is not declared.{hint}")


def _schedules(document: Document, root: Node) -> Iterator[PolicyError]:
    """The schedule of a role must be declared."""
    for role in document.roles.values():
        if role.schedule is not None and role.schedule not in document.schedules:
            hint = nearest(role.schedule, document.schedules)
            detail = f"The schedule {quoted(role.schedule)} is not declared.{hint}"
            yield _error(root.at(["roles", role.name, "schedule"]).place, detail)


def _repeated(document: Document, root: Node) -> Iterator[PolicyError]:
    seen: set[str] = set()
    for rule in document.rules:
        if rule.name in seen:
            place = _node(root, rule).at(["name"]).place
            yield _error(
                place, f"Another rule is named {quoted(rule.name)}: give each its own name."
            )
        seen.add(rule.name)


def _actions(document: Document, rule: Rule, node: Node) -> Iterator[PolicyError]:
    if not any(rule.covers(action) for action in document.actions):
        hint = "" if rule.action.endswith("*") else nearest(rule.action, document.actions)
        detail = f"No declared action is {quoted(rule.action)}.{hint}"
        yield _error(node.at(["action"]).place, detail)
    for counter in rule.when.counters if rule.when else ():
        if counter.action not in document.actions:
            hint = nearest(counter.action, document.actions)
            detail = f"The counted action {quoted(counter.action)} is not declared.{hint}"
            yield _error(node.at(["when"]).place, detail)


def _expiry(document: Document, rule: Rule, node: Node) -> Iterator[PolicyError]:
    if rule.ask is None:
        return
    place = node.at(["ask", "on_expiry"]).place
    expiry = rule.ask.on_expiry
    if expiry == "allow":
        risky = [
            action.type
            for action in document.actions.values()
            if rule.covers(action.type) and action.risk != "low"
        ]
        if risky:
            detail = f"Silence may allow only what is low risk; {quoted(risky[0])} is not."
            yield _error(place, detail)
    elif expiry.startswith("ask:"):
        name = expiry[4:]
        role = document.roles.get(name)
        if role is None:
            yield _unknown_role(document, place, name)
        elif role.empty:
            yield _error(place, f"Nobody is in {quoted(name)}: add a member to it.")


def _proofs(document: Document, rule: Rule, node: Node) -> Iterator[PolicyError]:
    """A bare link is for little risk, and some channel must prove what the rule asks for."""
    if rule.ask is None:
        return
    covered = [action for action in document.actions.values() if rule.covers(action.type)]
    risky = [action for action in covered if action.risk not in ("low", "medium")]
    if rule.ask.assurance == "link" and risky:
        detail = (
            f"A link proves too little for {quoted(risky[0].type)}, which is {risky[0].risk} risk: "
            "write chat or session."
        )
        yield _error(node.at(["ask", "assurance"]).place, detail)
    unseen = [one for one in rule.ask.channels if one not in OPENED]
    if rule.ask.dwell is not None and unseen:
        detail = f"Nobody knows when {unseen[0]} was opened: write [web], or leave “dwell” out."
        yield _error(node.at(["ask", "channels"]).place, detail)
        return
    for action in covered:
        if not usable(rule.ask.channels, rule.ask.assurance or ASSURANCES[action.risk]):
            detail = _unusable(rule.ask, action)
            yield _error(node.at(["ask", "channels"]).place, detail)
            return


def _unusable(ask: Ask, action: Action) -> str:
    proves = " and ".join(f"{one} proves {PROVES[one]}" for one in ask.channels)
    if ask.assurance is not None:
        asked = f"this rule asks for {ask.assurance}"
    else:
        asked = (
            f"{quoted(action.type)}, which is {action.risk} risk, asks for "
            f"{ASSURANCES[action.risk]} unless “assurance” says otherwise"
        )
    return f"Nobody could decide it: {proves}, and {asked}. Add web, or ask for less."


def _quorums(document: Document, rule: Rule, node: Node) -> Iterator[PolicyError]:
    """Each stage alone, then those that must not share people."""
    stages = rule.ask.stages if rule.ask else ()
    people = [_people(document, stage) for stage in stages]
    short = False
    for at, (stage, able) in enumerate(zip(stages, people, strict=True)):
        for votes, key in ((stage.approvals, "approvals"), (stage.rejections, "rejections")):
            if able is not None and votes > len(able):
                short = True
                place = node.at(["ask", "stages", at, key]).place
                word = key if votes > 1 else key[:-1]
                detail = f"{votes} {word} can never be met: {_count(able)} in these roles."
                yield _error(place, detail)
                break
    if short:
        return
    for at, stage in enumerate(stages):
        if stage.distinct_from_earlier and not _possible(stages, people, at):
            place = node.at(["ask", "stages", at, "distinct_from_earlier"]).place
            detail = (
                "This quorum can never be met: too few people are left in these roles "
                "once the earlier stages have decided."
            )
            yield _error(place, detail)
            return


def _count(people: frozenset[str]) -> str:
    return {0: "nobody is", 1: "one person is"}.get(len(people), f"{len(people)} people are")


def _people(document: Document, stage: Stage) -> frozenset[str] | None:
    """Return everybody who may vote in the stage; None when the document does not say it."""
    if not stage.any_of:
        return None
    everybody: set[str] = set()
    for name in stage.any_of:
        role = document.roles.get(name)
        if role is None or role.filled_elsewhere:
            return None
        everybody |= role.emails
    return frozenset(everybody)


def _possible(stages: Sequence[Stage], people: Sequence[frozenset[str] | None], last: int) -> bool:
    """Return whether stages up to `last` can find people.

    Stages that demand distinct people share nobody with any earlier stage, so they need a
    matching of votes to people, together with each earlier stage that demands nothing.
    """
    distinct = [at for at in range(last + 1) if stages[at].distinct_from_earlier]
    free = [at for at in range(last) if not stages[at].distinct_from_earlier]
    groups = [distinct, *([at, *(d for d in distinct if d > at)] for at in free)]
    return all(_matched(stages, people, group) for group in groups)


def _matched(
    stages: Sequence[Stage], people: Sequence[frozenset[str] | None], group: Sequence[int]
) -> bool:
    votes = [people[at] for at in group for _ in range(stages[at].approvals)]
    held: dict[str, int] = {}

    def place(vote: int, tried: set[str]) -> bool:
        for person in votes[vote] or ():
            if person in tried:
                continue
            tried.add(person)
            if person not in held or place(held[person], tried):
                held[person] = vote
                return True
        return False

    return all(votes[vote] is None or place(vote, set()) for vote in range(len(votes)))
