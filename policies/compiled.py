"""Policies ready to plan with: parsed and compiled once per version and process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from core.canonical import JSON
from core.problems import FieldError
from policies import pointers
from policies.assurance import Assurance, Channel
from policies.counters import Counter
from policies.document import parse
from policies.facts import View, view
from policies.plan import Comment, Effect, PermitTerms, Stage, Step
from policies.terms import Action, Document, Rule

MAX_CACHED: Final = 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """What of a plan does not depend on the payload (names as in policies.plan.Plan)."""

    effect: Effect
    rule: str | None
    stages: tuple[Stage, ...]
    expires_in_s: int
    on_expiry: str
    comment: Comment
    why: str
    reason: str | None
    permit: PermitTerms
    channels: tuple[Channel, ...]
    assurance: Assurance
    escalation: tuple[Step, ...]
    extend_s: int
    business: bool
    dwell_s: int


@dataclass(frozen=True, slots=True)
class CompiledAction:
    """One action with the rules that can speak of it, in order.

    Nothing after a rule without condition can be reached, so it is left out. `conditional` says
    whether any rule has a condition, `reads_run` whether one reads the request's run; `counters` are
    those its conditions name. `verdicts` holds what each rule comes to, by its name (None: no
    rule), as far as it was needed yet.
    """

    action: Action
    rules: tuple[Rule, ...]
    view: View
    conditional: bool
    reads_run: bool
    counters: tuple[tuple[Counter, tuple[str, ...] | None], ...]
    verdicts: dict[str | None, Verdict] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A version of a policy. `number` is the version's number in its workspace."""

    number: int
    document: Document
    actions: dict[str, CompiledAction]

    def counters_for(self, action: str, payload: JSON) -> tuple[Counter, ...]:
        """Return what the submitting transaction must read before `plan_for`.

        Empty for most requests. A counter whose `by` names nothing in this payload is left out:
        conditions on it then fail, and fail closed.
        """
        kind = self.actions.get(action)
        if kind is None or not kind.counters:
            return ()
        return tuple(counter for counter, by in kind.counters if _has(payload, by))

    def asks_run(self, action: str) -> bool:
        """Return whether a rule for `action` reads the run, so that its facts must be read."""
        kind = self.actions.get(action)
        return kind is not None and kind.reads_run

    def labels_of(self, names: Iterable[str]) -> frozenset[str]:
        """Return the labels that the document gives to tools of these names."""
        tools = self.document.tools
        return frozenset(label for name in names for label in tools.get(name, ()))

    def payload_errors(self, action: str, payload: JSON) -> list[FieldError]:
        """Return what is wrong with the payload of a declared action (policies/payloads.py)."""
        return self.actions[action].action.schema.errors(payload)


def compile_policy(text: str, number: int) -> Compiled:
    """Return the compiled policy of `text`; PolicyErrors as `document.parse`."""
    return compile_document(parse(text), number)


def compile_document(document: Document, number: int) -> Compiled:
    """Return the compiled policy of a document that was parsed."""
    return Compiled(number, document, {name: _action(document, name) for name in document.actions})


class _Cache:
    """The most recently used policies, by the id of their version (which never changes)."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[UUID, Compiled] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, version_id: UUID) -> Compiled | None:
        with self._lock:
            policy = self._kept.get(version_id)
            if policy is not None:
                self._kept.move_to_end(version_id)
            return policy

    def put(self, version_id: UUID, policy: Compiled) -> None:
        with self._lock:
            self._kept[version_id] = policy
            self._kept.move_to_end(version_id)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


_cache: Final = _Cache(MAX_CACHED)
_compiling: Final = threading.Lock()


def cached(version_id: UUID) -> Compiled | None:
    """Return the policy if this process has compiled it lately; saves reading its text."""
    return _cache.get(version_id)


def get(version_id: UUID, text: str, *, number: int) -> Compiled:
    """Return the policy of a version, compiled at most once while it stays in use.

    PolicyErrors when this release no longer accepts a document that an older one saved.
    """
    policy = _cache.get(version_id)
    if policy is None:
        with _compiling:  # a burst of calls after a start compiles once, not once per thread
            policy = _cache.get(version_id)
            if policy is None:
                policy = compile_policy(text, number)
                _cache.put(version_id, policy)
    return policy


def _action(document: Document, name: str) -> CompiledAction:
    rules: list[Rule] = []
    for rule in document.rules:
        if rule.covers(name):
            rules.append(rule)
            if rule.when is None:
                break
    used = dict.fromkeys(counter for rule in rules if rule.when for counter in rule.when.counters)
    return CompiledAction(
        document.actions[name],
        tuple(rules),
        view(document.actions[name]),
        any(rule.when is not None for rule in rules),
        any(rule.reads_run for rule in rules),
        tuple((one, pointers.parse(one.by) if one.by is not None else None) for one in used),
    )


def _has(payload: JSON, steps: tuple[str, ...] | None) -> bool:
    if steps is None:
        return True
    try:
        pointers.follow(payload, steps)
    except pointers.AbsentError:
        return False
    return True
