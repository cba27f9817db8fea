"""What a reviewer is told: the payload as labelled lines, in the order of the action's schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from core.canonical import JSON
from policies import pointers, show
from policies.plan import Fact
from policies.terms import Action

MAX_FACTS: Final = 100
MAX_LABEL: Final = 100
MAX_VALUE: Final = 1_000


@dataclass(frozen=True, slots=True)
class View:
    """How payloads of one action are shown; made once per document."""

    title: str
    template: show.Template | None
    labels: dict[str, tuple[str, str]]  # member: label, pointer
    sensitive: tuple[tuple[str, ...], ...]
    touched: frozenset[str]  # members that hold something sensitive
    whole: bool  # the payload as a whole is

    def line(self, payload: JSON) -> str:
        """Return the one line that says what would happen."""
        if self.template is None:
            return self.title
        return self.template.render(payload, self.sensitive)

    def facts(self, payload: JSON) -> tuple[Fact, ...]:
        """Return a line per top-level member: first those of the schema, in its order.

        What is sensitive is hidden, what is cut says how much is missing, and members that the
        schema does not name are shown as well.
        """
        if not isinstance(payload, dict) or self.whole:
            return (Fact("Payload", self._value("", payload), ""),)
        facts = [
            Fact(label, self._value(name, payload[name]), pointer)
            for name, (label, pointer) in self.labels.items()
            if name in payload
        ]
        if len(facts) < len(payload):
            facts += [
                Fact(show.cut(name, MAX_LABEL), self._value(name, value), pointers.step_to(name))
                for name, value in payload.items()
                if name not in self.labels
            ]
        if len(facts) > MAX_FACTS:
            rest = len(facts) - MAX_FACTS
            facts[MAX_FACTS:] = [Fact("More", f"{rest} more members, see the payload", "")]
        return tuple(facts)

    def _value(self, name: str, value: JSON) -> str:
        if self.whole:
            return pointers.HIDDEN
        if name in self.touched:
            below = [steps[1:] for steps in self.sensitive if steps[0] == name]
            value = pointers.hide(value, below)
        return show.cut(show.written(value), MAX_VALUE)


def view(action: Action) -> View:
    """Return how payloads of `action` are shown."""
    properties = action.schema.source.get("properties")
    labels = {}
    for name, schema in (properties if isinstance(properties, dict) else {}).items():
        title = schema.get("title") if isinstance(schema, dict) else None
        label = title if isinstance(title, str) and title.strip() else name
        labels[name] = (show.cut(label, MAX_LABEL), pointers.step_to(name))
    sensitive = tuple(pointers.parse(pointer) for pointer in action.sensitive)
    return View(
        action.title,
        action.show,
        labels,
        sensitive,
        frozenset(steps[0] for steps in sensitive if steps),
        () in sensitive,
    )
