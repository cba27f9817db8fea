"""Conditions compiled and evaluated: the only module that knows `cel_expr_python`.

The library is 0.1.x and has traps (measured): an evaluation error comes back as a value of type
ERROR whose `.value()` is a truthy text, or is raised; so only a BOOL counts as an answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from cel_expr_python import cel  # type: ignore[import-untyped]  # stubs, but no py.typed

from core.canonical import JSON
from policies.counters import Counter
from policies.expressions import translate
from policies.language import MAX_NUMBER, MEMBERS, Translation, Work
from policies.run_reads import RunRead
from policies.tokens import ConditionError

What = TypeVar("What", Counter, RunRead)

#: Counters of one whole document, and reads of a run: each is a variable of the environment.
MAX_VARIABLES: Final = 64
#: What the conditions of one plan may cost together, in µs by the estimate of `Work.units`.
MAX_UNITS: Final = 50_000

_OPERATORS: Final = {
    "product": "*", "quotient": "/", "remainder": "%", "number": "double", "whole": "int",
}  # fmt: skip
_CONFIG: Final = """
stdlib:
  exclude_macros: [map, filter]
  exclude_functions:
    - name: _+_
      overloads: [{id: add_string}, {id: add_bytes}, {id: add_list}]
"""
_NUMBER: Final = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,3})?")
_REPORTED: Final = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_OVERLOAD: Final = re.compile(
    r"found no matching overload for '(\w+|@in|_?\W+_?)' applied to '(.*)'"
)
_MISMATCH: Final = re.compile(r"No matching overloads found : (\S+?)\(([\w, ]*)\)")
_MISSING: Final = re.compile(r'Key not found in map : "(\w{1,64})"')
_VARIABLE: Final = re.compile(r"counter_\d+")
_RUN_VARIABLE: Final = re.compile(r"\(?run_\d+( > 0\.0\))?")


#: Why what is read of a run has no answer.
NO_RUN: Final = "the request names no run"


class EvaluationError(Exception):
    """A condition that has no answer on this payload; the message names types, never values."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition. `counters` must be read before it is evaluated, and `reads` of the run.

    `reads_at` is the offset of the first read of the run.
    """

    source: str
    counters: tuple[Counter, ...]
    reads: tuple[RunRead, ...]
    reads_at: int
    work: Work = field(repr=False)
    expression: Any = field(repr=False)


@dataclass(slots=True)
class Situation:
    """What conditions are evaluated on, prepared once for all rules of one plan.

    `values` and `size` (bytes, about) measure the payload; `broken` says why nothing can be
    evaluated on it; `spent` is what the rules have cost so far, in units.
    """

    activation: Any
    values: int
    size: int
    broken: str | None
    spent: float = 0.0


class Variables:
    """The variables that stand for the counters of one document, numbered as they appear.

    `reads` are those for what is read of the run.
    """

    def __init__(self) -> None:
        self.names: dict[Counter, str] = {}
        self.reads: dict[RunRead, str] = {}

    def name(self, what: Counter | RunRead) -> str:
        """Return the variable of `what`; ConditionError when the document has too many."""
        if isinstance(what, Counter):
            return self._named(self.names, what, "counter", "counters")
        return self._named(self.reads, what, "run", "reads of the run")

    @staticmethod
    def _named(names: dict[What, str], what: What, prefix: str, plural: str) -> str:
        if what not in names and len(names) == MAX_VARIABLES:
            raise ConditionError(0, f"A policy has at most {MAX_VARIABLES} different {plural}.")
        return names.setdefault(what, f"{prefix}_{len(names)}")


def compile_condition(source: str, variables: Variables) -> Condition:
    """Compile `source`; ConditionError with the offset in `source` and what to write instead."""
    translation = translate(source, variables.name)
    try:
        expression = _ENVIRONMENT.compile(translation.cel)
        kind = expression.return_type()
    except RuntimeError as error:
        raise _compile_error(str(error), translation) from None
    if kind != cel.Type.BOOL:
        detail = "A condition is a yes or no: compare with something, as in “… == true”."
        raise ConditionError(translation.origin(0), detail)
    return Condition(
        source,
        translation.counters,
        translation.reads,
        translation.reads_at,
        translation.work,
        expression,
    )


def situation(
    *,
    variables: Variables,
    action: str,
    payload: JSON,
    agent: Mapping[str, str],
    workspace: Mapping[str, str],
    now: datetime,
    counters: Mapping[Counter, float],
    run: Mapping[RunRead, float] | None = None,
) -> Situation:
    """Prepare what conditions are evaluated on.

    A counter that is not given stays unknown; so does all of the run where there is none.
    """
    measure = _Measure()
    data: dict[str, object] = {
        "action": action,
        "payload": measure.doubles(payload),
        "agent": agent,
        "workspace": workspace,
        "now": now,
    }
    for counter, name in variables.names.items():
        value = counters.get(counter)
        if value is not None and math.isfinite(value):
            data[name] = float(value)
    if run is not None:
        data |= {name: float(run[read]) for read, name in variables.reads.items()}
    broken = "a number of the payload is too large" if measure.largest > MAX_NUMBER else None
    return Situation(_ENVIRONMENT.Activation(data), measure.values, measure.size, broken)


def holds(condition: Condition, on: Situation) -> bool:
    """Return whether the condition holds; EvaluationError when that cannot be said."""
    if on.broken is not None:
        raise EvaluationError(on.broken)
    work = condition.work
    if work.needs_size:
        units = work.units(on.values, on.size)
        if on.spent + units > MAX_UNITS:
            raise EvaluationError("the payload is too large for what is compared")
        on.spent += units
    try:
        result = condition.expression.eval(on.activation)
        kind = result.type()
        answer = result.value()
    except RuntimeError as error:
        raise EvaluationError(_explained(str(error))) from None
    if kind == cel.Type.BOOL and isinstance(answer, bool):
        return answer
    raise EvaluationError(
        _explained(str(answer)) if kind == cel.Type.ERROR else "the answer is not a yes or no"
    )


class _Measure:
    """Copies JSON with every number as double, and measures it on the way."""

    def __init__(self) -> None:
        self.values = 0
        self.size = 0
        self.largest = 0.0

    def doubles(self, value: JSON) -> JSON:
        self.values += 1
        if isinstance(value, str):
            self.size += len(value) if value.isascii() else 4 * len(value)
            return value
        if isinstance(value, bool) or value is None:
            return value
        self.size += 8
        if isinstance(value, dict):
            copy: dict[str, JSON] = {}
            for name, child in value.items():
                self.size += len(name)
                copy[name] = self.doubles(child)
            return copy
        if isinstance(value, list):
            return [self.doubles(child) for child in value]
        number = float(value)
        if abs(number) > self.largest:
            self.largest = abs(number)
        return number


def _finite(number: float) -> float:
    if not abs(number) <= MAX_NUMBER:
        raise ValueError("a number became too large")
    return number


def _product(left: float, right: float) -> float:
    return _finite(left * right)


def _quotient(left: float, right: float) -> float:
    if right == 0:
        raise ValueError("a division by zero")
    return _finite(left / right)


def _remainder(left: float, right: float) -> float:
    if right == 0:
        raise ValueError("a division by zero")
    if not (left.is_integer() and right.is_integer()):
        raise ValueError("a remainder of numbers that are not whole")
    return math.fmod(left, right)


def _number(written: str) -> float:
    if not _NUMBER.fullmatch(written):
        raise ValueError("a text that is not a number")
    return _finite(float(written))


def _whole(number: float) -> float:
    return float(math.trunc(_finite(number)))


def _environment() -> Any:
    kinds = cel.Type
    double, text = kinds.DOUBLE, kinds.STRING

    def function(name: str, *overloads: tuple[list[Any], Any]) -> Any:
        return cel.FunctionDecl(
            name,
            [
                cel.Overload(f"{name}_{number}", double, takes, False, does)
                for number, (takes, does) in enumerate(overloads)
            ],
        )

    variables: dict[str, Any] = {
        "action": text,
        "payload": kinds.Map(text, kinds.DYN),
        "now": kinds.TIMESTAMP,
        **{name: kinds.Map(text, text) for name in MEMBERS},
        **{f"counter_{number}": double for number in range(MAX_VARIABLES)},
        **{f"run_{number}": double for number in range(MAX_VARIABLES)},
    }
    return cel.NewEnv(
        config=cel.NewEnvConfigFromYaml(_CONFIG),
        variables=variables,
        functions=[
            function("product", ([double, double], _product)),
            function("quotient", ([double, double], _quotient)),
            function("remainder", ([double, double], _remainder)),
            function("number", ([double], _finite), ([text], _number)),
            function("whole", ([double], _whole)),
        ],
    )


def _compile_error(report: str, translation: Translation) -> ConditionError:
    reported = _REPORTED.search(report)
    if reported is None or int(reported[1]) < 1:
        detail = (
            "This is nested too deeply, or a chain of more than 30 sums: split the rule."
            if "recursion" in report
            else "This is not a condition that CEL can read."
        )
        return ConditionError(0, detail)
    message = reported[3]
    overload = _OVERLOAD.search(message)
    if overload:
        message = f"“{_operator(overload[1])}” does not take ({overload[2]})"
    offset = translation.origin(int(reported[2]) - 1)
    message = _RUN_VARIABLE.sub("a read of the run", message)
    message = _VARIABLE.sub("a counter", message.replace(" (in container '')", ""))
    return ConditionError(offset, message.rstrip(".") + ".")


def _explained(report: str) -> str:
    """Say what failed, in words that cannot carry a value of the payload."""
    missing, mismatch = _MISSING.search(report), _MISMATCH.search(report)
    if missing:
        return "a field is missing"
    if mismatch:
        return f"“{_operator(mismatch[1])}” does not take ({mismatch[2]})"
    if "found in Activation" in report:
        return NO_RUN if '"run_' in report else "a counter could not be read"
    if "budget" in report:
        return "it takes too many steps on this payload"
    for own in _OWN_REASONS:
        if own in report:
            return own
    return "a value has not the form that the condition needs"


_OWN_REASONS: Final = (
    "a number became too large",
    "a division by zero",
    "a remainder of numbers that are not whole",
    "a text that is not a number",
)


def _operator(name: str) -> str:
    return _OPERATORS.get(name, name.strip("_").replace("@", ""))


_ENVIRONMENT: Final[Any] = _environment()
