from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.core.management.base import CommandParser

from agents.services import agent_by_name
from core import ids
from core.problems import Problem
from oversight import kill_switch
from oversight.kill_switch import KillShown, Mode, Order
from people.management import base
from people.models import Workspace

_UNKNOWN = "This workspace has no use of the kill switch of this id."


class Command(base.Command):
    help = "Stops an agent, or every agent of a workspace, with all that they could still do."

    def arguments(self, parser: CommandParser) -> None:
        base.add_workspace(parser)
        parser.add_argument("agent", metavar="AGENT", nargs="?", help="its name; none: every agent")
        parser.add_argument("--reason", default="", metavar="TEXT", help="stands in the log")
        parser.add_argument(
            "--every-agent", action="store_true", help="yes, every agent of the workspace"
        )
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--dry-run", action="store_true", help="say what it would stop")
        how.add_argument("--drill", action="store_true", help="do it, and take it back")
        how.add_argument("--undo", metavar="ID", help="let the agents of this use act again")

    def run(self, **options: Any) -> base.Said:
        workspace = base.workspace_of(options)
        _check(options)
        try:
            if options["undo"] is not None:
                return self._undo(workspace, options["undo"])
            return self._run(workspace, options)
        except Problem as problem:
            raise base.refused(problem, {"/reason": "--reason"}) from problem

    def _run(self, workspace: Workspace, options: dict[str, Any]) -> base.Said:
        mode: Mode = "dry_run" if options["dry_run"] else "drill" if options["drill"] else "press"
        order = Order(workspace.id, "workspace", workspace.id, options["reason"])
        if options["agent"]:
            agent = agent_by_name(workspace, options["agent"])
            order = Order(workspace.id, "agent", agent.id, options["reason"])
        done = kill_switch.run(actor=self.actor, order=order, mode=mode)
        return base.Said(_sentence(done), msgspec.to_builtins(done))

    def _undo(self, workspace: Workspace, text: str) -> base.Said:
        try:
            done = kill_switch.undo(
                actor=self.actor, workspace=workspace.id, kill_id=_kill_id(text)
            )
        except Problem as problem:
            told = {"argument": "--undo", "code": problem.code}
            raise base.Failed(
                f"--undo: {_UNKNOWN if problem.status == 404 else problem.detail}", told
            ) from problem
        return base.Said(
            f"Undone: {_agents(done)} may act again; what was ended stays ended.",
            msgspec.to_builtins(done),
        )


def _check(options: dict[str, Any]) -> None:
    """Whom a use is about is said once: nobody shall think that more stopped than did."""
    said = [bool(options["agent"]), options["every_agent"], options["undo"] is not None]
    if sum(said) != 1:
        detail = "AGENT: Name an agent, or say --every-agent, or --undo: one of them."
        raise base.Failed(detail, {"argument": "AGENT"}, code=2)


def _kill_id(text: str) -> UUID:
    try:
        return ids.decode("kil", text)
    except ids.BadId as error:
        raise base.Failed(f"--undo: {error}", {"argument": "--undo"}) from error


def _agents(done: KillShown) -> str:
    return ", ".join(agent.name for agent in done.agents) or "no agent"


def _sentence(done: KillShown) -> str:
    verb = {"press": "Stopped", "dry_run": "It would stop", "drill": "It stopped, and took back,"}
    took = "" if done.milliseconds is None else f" in {done.milliseconds} ms"
    named = f" Undo with --undo {done.id}." if done.id else ""
    return (
        f"{verb[done.mode]} {_agents(done)}{took}: {done.cancelled} pending requests, "
        f"{done.revoked} unused permits. Tools had run {done.had_run_count} actions in the last day.{named}"
    )
