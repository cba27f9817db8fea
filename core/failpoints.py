"""Named places where a development server can be made to die, fail or wait.

`ASSENTRY_DEV=1 ASSENTRY_FAILPOINTS=after_commit_before_nudge:kill,due_after_claim:sleep=0.5`
Actions: `kill` (SIGKILL to this process), `raise` (FailpointError), `sleep` (one second, or the
seconds given). Without both variables a `hit` costs one look at an empty dictionary.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from core.devmode import dev_value

Name: TypeAlias = Literal[
    "after_commit_before_nudge",
    "submit_before_last_statement",
    "submit_after_commit_before_answer",
    "decide_before_last_statement",
    "revise_before_last_statement",
    "end_before_last_statement",
    "escalate_before_last_statement",
    "permit_before_last_statement",
    "consume_after_commit_before_answer",
    "callback_before_send",
    "callback_after_send_before_record",
    "kill_before_last_statement",
    "erase_before_last_statement",
    "sequence_before_last_statement",
    "anchor_after_send_before_record",
    "export_after_part",
    "export_before_last_statement",
    "tell_before_last_statement",
    "slack_after_post_before_record",
    "slack_before_settle",
    "message_after_send_before_record",
    "watch_before_keep",
    "heartbeat_after_send_before_record",
    "due_after_claim",
    "due_before_finish",
]
NAMES: Final[tuple[Name, ...]] = get_args(Name)
ACTIONS: Final = ("kill", "raise", "sleep")

VARIABLE: Final = "ASSENTRY_FAILPOINTS"
MAX_SLEEP_S: Final = 3600.0


class FailpointError(RuntimeError):
    """Raised by a failpoint whose action is `raise`."""


class FailpointConfigError(ValueError):
    """ASSENTRY_FAILPOINTS names an unknown place or action; the message lists the known ones."""


@dataclass(frozen=True, slots=True)
class Action:
    """What to do at a failpoint; `seconds` only for `sleep`."""

    kind: str
    seconds: float = 0.0


def parse(text: str) -> dict[str, Action]:
    """Return the actions by name that `name:action[,name:action…]` asks for."""
    actions: dict[str, Action] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, written = entry.partition(":")
        if name not in NAMES:
            raise FailpointConfigError(
                f"{VARIABLE}: no failpoint is called {name[:60]!r}; there are {', '.join(NAMES)}."
            )
        actions[name] = _parse_action(name, written)
    return actions


def _parse_action(name: str, written: str) -> Action:
    kind, equals, value = written.partition("=")
    if kind == "sleep":
        try:
            seconds = float(value) if equals else 1.0
        except ValueError:
            seconds = -1.0
        if 0 <= seconds <= MAX_SLEEP_S:
            return Action("sleep", seconds)
    elif kind in ACTIONS and not equals:
        return Action(kind)
    raise FailpointConfigError(
        f"{VARIABLE}: {name} cannot do {written[:60]!r}; write kill, raise, sleep or sleep=0.5."
    )


def check_environment() -> Mapping[str, Action]:
    """Return the failpoints that the environment arms; FailpointConfigError when it is wrong.

    Called once at start, so that a misspelt failpoint stops the server instead of doing nothing.
    """
    return parse(dev_value(VARIABLE) or "")


def _armed_at_start() -> dict[str, Action]:
    try:
        return dict(check_environment())
    except FailpointConfigError:
        return {}  # check_environment() reports it where a start can be refused


_armed: dict[str, Action] = _armed_at_start()


def hit(name: Name) -> None:
    """Pass the failpoint `name`: nothing, unless it is armed."""
    if _armed:
        _act(name)


def _act(name: Name) -> None:
    action = _armed.get(name)
    if action is None:
        return
    match action.kind:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise FailpointError(f"failpoint {name}")
        case _:
            time.sleep(action.seconds)


@contextmanager
def armed(text: str) -> Iterator[None]:
    """Arm failpoints, written as in the environment, in this process for the time of a block."""
    before = dict(_armed)
    _armed.update(parse(text))
    try:
        yield
    finally:
        _armed.clear()
        _armed.update(before)
