from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from agents.services import agent_by_name
from audit.log import rfc3339
from core import durations, ids, strict_json
from core.problems import Problem
from escalations import rehearsal_words as words
from escalations.rehearsal import Moment
from escalations.rehearsing import Draft, of_draft
from people.management import base
from people.management.instants import instant

_ARGUMENTS = {
    "/action": "ACTION",
    "/payload": "--payload",
    "/at": "--at",
    "/expires_in": "--expires-in",
}


class Command(base.Command):
    help = (
        "Says what would happen to a request if nobody answered: who is told when, and how it ends."
    )
    spelling = {"name": "--agent"}

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("action", metavar="ACTION", help="as the policy names it")
        parser.add_argument("--agent", required=True, metavar="NAME", help="the agent that asks")
        parser.add_argument(
            "--payload", default="{}", metavar="JSON", help="default: {}; - is standard input"
        )
        parser.add_argument(
            "--at", type=instant, metavar="INSTANT", help="when it is submitted; default: now"
        )
        parser.add_argument(
            "--expires-in", metavar="DURATION", help="less time than the plan gives: 30m, 4h"
        )

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        agent = agent_by_name(workspace, options["agent"])
        draft = Draft(
            agent.id,
            options["action"],
            _payload(options["payload"]),
            options["at"],
            _duration(options["expires_in"]),
        )
        try:
            found = of_draft(workspace=workspace.id, draft=draft)
        except Problem as problem:
            raise base.refused(problem, _ARGUMENTS) from problem
        head = [found.title, found.plan.why, *found.plan.notes]
        lines = [line for moment in found.moments for line in _lines(moment)]
        return base.Said(
            "\n".join([*(line for line in head if line), *lines]),
            {
                "begin": rfc3339(found.begin),
                "effect": found.plan.effect,
                "rule": found.plan.rule,
                "moments": [_shown(moment) for moment in found.moments],
            },
        )


def _payload(text: str) -> dict[str, Any]:
    try:
        value = strict_json.loads(sys.stdin.buffer.read() if text == "-" else text.encode())
    except Problem as problem:
        detail = f"--payload: {problem.detail}"
        raise base.Failed(detail, {"argument": "--payload"}, code=2) from problem
    if not isinstance(value, dict):
        raise base.Failed("--payload: a JSON object.", {"argument": "--payload"}, code=2)
    return value


def _duration(text: str | None) -> Any:
    try:
        return None if text is None else durations.parse(text)
    except durations.DurationError as error:
        detail = f"--expires-in: {error}"
        raise base.Failed(detail, {"argument": "--expires-in"}, code=2) from error


def _lines(moment: Moment) -> list[str]:
    lines = [f"{moment.at:%a %Y-%m-%d %H:%M:%S} UTC  {words.said(moment)}"]
    for one in moment.people:
        behalf = f", standing in for {one.stands_in_for}" if one.stands_in_for else ""
        held = f", at {one.at:%a %H:%M} UTC" if one.at else ""
        lines.append(f"    {one.name}{behalf}, {words.by(one)}{held}")
    lines += [f"    {words.where(place)}" for place in moment.places]
    if words.told_nobody(moment):
        lines.append("    nobody is told")
    return lines


def _shown(moment: Moment) -> dict[str, Any]:
    return {
        "at": rfc3339(moment.at),
        "what": moment.what,
        "said": words.said(moment),
        "people": [
            {
                "id": ids.encode("per", one.person),
                "name": one.name,
                "channels": list(one.channels),
                "at": rfc3339(one.at) if one.at else None,
            }
            for one in moment.people
        ],
        "places": [words.where(place) for place in moment.places],
    }
