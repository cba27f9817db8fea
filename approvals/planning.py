"""From a payload to a frozen plan: what the database knows, handed to policy as facts.

Policy itself is pure (`policies`); this module reads what its answer depends on: the active version,
who could decide now, and what this agent did earlier and in this run, the latter two under a lock
where a rule reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection

from agents import limits
from agents.authentication import CALLER_COLUMNS, CALLER_FROM, KeyContext, Presented, caller_from
from agents.sql import AGENT_FROM_REQUEST, RUN_OF_AGENT
from approvals.counting import count
from approvals.frozen import FrozenPlan, FrozenRole, RoleNow, freeze
from approvals.run_facts import run_facts
from approvals.submission import MAX_PAYLOAD_BYTES
from core import ids
from core.canonical import canonical
from core.problems import FieldError, Problem, conflict, invalid, too_large
from people.schedules import business, duty
from people.sql import (
    IS_ACTIVE,
    NAME_OF,
    PERSON_IS_ACTIVE,
    PERSON_NAME,
    PERSONS_OF,
    ROLES_NOW,
)
from policies.compiled import Compiled, cached
from policies.compiled import get as compile_once
from policies.errors import PolicyErrors
from policies.escalation_checks import hours_of
from policies.evaluate import AgentFacts, WorkspaceFacts, plan_for
from policies.plan import Plan

#: What a plan depends on besides the payload.  Joined are agent, owner, owner_user and workspace.
_SITUATION_COLUMNS = f"""
    workspace.id, workspace.slug, agent.id, agent.name, owner.id, {PERSON_NAME.format(user="owner_user")},
    owner_user.email, {PERSON_IS_ACTIVE.format(person="owner", user="owner_user")},
    policy.active_id,
    {ROLES_NOW.format(workspace="workspace.id", excluded="owner.id, coalesce(run.initiator_id, owner.id)")},
    clock_timestamp(),
    run.id, run.external_id, run.agent_version, run.state, run.initiator_id,
    {NAME_OF.format(person="run.initiator_id")}, {IS_ACTIVE.format(person="run.initiator_id")}
"""
_SITUATION_FROM = """
    LEFT JOIN policies_policy policy ON policy.workspace_id = workspace.id
"""

READ_INTAKE = f"""
SELECT {CALLER_COLUMNS}, {_SITUATION_COLUMNS}
  FROM {CALLER_FROM}
  {_SITUATION_FROM}
  {RUN_OF_AGENT.format(run="%(run)s::uuid", agent="agent.id")}
"""

#: The same for a request that is there; its agent, run and workspace never change.
READ_SITUATION = f"""
SELECT {_SITUATION_COLUMNS}
  FROM approvals_request r
  {AGENT_FROM_REQUEST}
  JOIN people_workspace workspace ON workspace.id = r.workspace_id
  {_SITUATION_FROM}
  {RUN_OF_AGENT.format(run="r.run_id", agent="agent.id")}
 WHERE r.id = %(request)s
"""

#: The same for an agent without a run, whoever asks for it.
READ_AGENT = f"""
SELECT {_SITUATION_COLUMNS}
  FROM agents_agent agent
  JOIN people_person owner ON owner.id = agent.owner_id
  JOIN people_user owner_user ON owner_user.id = owner.user_id
  JOIN people_workspace workspace ON workspace.id = agent.workspace_id
  {_SITUATION_FROM}
  {RUN_OF_AGENT.format(run="NULL::uuid", agent="agent.id")}
 WHERE agent.id = %(agent)s AND agent.workspace_id = %(workspace)s
"""


@dataclass(frozen=True, slots=True)
class RunNow:
    """The run that a request names, as it stands."""

    id: UUID
    external_id: str
    agent_version: str
    running: bool
    initiator_id: UUID | None
    initiator_name: str | None
    initiator_active: bool


@dataclass(frozen=True, slots=True)
class Situation:
    """Who asks, under which policy, and who could decide now: what a plan depends on."""

    workspace_id: UUID
    workspace_slug: str
    agent_id: UUID
    agent_name: str
    owner_id: UUID
    owner_name: str
    owner_email: str
    owner_active: bool
    policy_version: UUID | None
    roles: dict[str, RoleNow]
    now: datetime
    run: RunNow | None

    @property
    def excluded(self) -> list[UUID]:
        """Who never decides on this agent's requests of this run: its owner, and who started the run."""
        started = self.run.initiator_id if self.run else None
        return [self.owner_id, *([started] if started else [])]

    @property
    def initiator_active(self) -> bool:
        """Whether somebody is proven to have started the run, and may act."""
        return self.run is not None and self.run.initiator_active


@dataclass(frozen=True, slots=True)
class Intake:
    """What one statement reads before a submission is planned."""

    caller: KeyContext
    spent: limits.Spent | None
    situation: Situation


@dataclass(frozen=True, slots=True)
class Planned:
    """A canonical payload and the plan that policy made for these bytes."""

    action: str
    payload: bytes
    plan: FrozenPlan
    policy_version: UUID
    risk: str
    title: str


def read_intake(conn: Connection[Any], presented: Presented, run: str | None = None) -> Intake:
    """Authenticate the key and read what planning needs, in one statement.

    Args:
        run: the run that the submission names, as it names it.

    Raises:
        Problem: 401 for a key that is unknown, wrong, revoked or expired, 429 beyond its limit;
            409 ``run_ended`` and 422 ``unknown_run`` for the run.
    """
    row = conn.execute(READ_INTAKE, {"key": presented.id, "run": _run_id(run)}).fetchone()
    caller = caller_from(row, presented)
    spent = limits.spend(conn, caller)
    assert row is not None  # noqa: S101  # caller_from raised otherwise; tells the type checker
    situation = _situation(row[-SITUATION_WIDTH:])
    if run is not None:
        _check_run(situation.run)
    return Intake(caller, spent, situation)


def read_situation(conn: Connection[Any], request_id: UUID) -> Situation:
    """What a new plan for this request depends on, as it stands now."""
    row = conn.execute(READ_SITUATION, {"request": request_id}).fetchone()
    assert row is not None  # noqa: S101  # the caller has locked the request
    return _situation(row)


def read_agent(conn: Connection[Any], workspace: UUID, agent: UUID) -> Situation | None:
    """What a plan for a draft of this agent depends on; None where the workspace has no such agent."""
    row = conn.execute(READ_AGENT, {"workspace": workspace, "agent": agent}).fetchone()
    return None if row is None else _situation(row)


#: The first of `_SITUATION_COLUMNS`, which stand in a `Situation` as they are, and how many there are.
_PLAIN = [name for name in Situation.__slots__ if name not in ("roles", "now", "run")]
SITUATION_WIDTH = len(_PLAIN) + 9


def _situation(row: Sequence[Any]) -> Situation:
    roles, now, *run = row[len(_PLAIN) :]
    return Situation(
        **dict(zip(_PLAIN, row, strict=False)),
        roles={
            name: RoleNow(FrozenRole(UUID(role_id), name, title), eligible)
            for name, (role_id, title, eligible) in (roles or {}).items()
        },
        now=now,
        run=None
        if run[0] is None
        else RunNow(run[0], run[1], run[2], run[3] == "running", run[4], run[5], bool(run[6])),
    )


def _run_id(text: str | None) -> UUID | None:
    if text is None:
        return None
    try:
        return ids.decode("run", text)
    except ids.BadId:
        raise unknown_run() from None


def _check_run(run: RunNow | None) -> None:
    if run is None:
        raise unknown_run()
    if not run.running:
        raise conflict("run_ended", "This run has ended: begin another, or leave `run` out.")


def unknown_run() -> Problem:
    """422 for a run that is not there, or another agent's."""
    fault = FieldError("/run", "unknown_run", "This agent has no such run: declare it first.")
    return invalid([fault], code="unknown_run")


def policy_of(conn: Connection[Any], situation: Situation) -> Compiled:
    """The compiled active policy of the workspace.

    Raises:
        Problem: 409 ``no_policy`` where none was ever applied: nothing can be routed.
    """
    if situation.policy_version is None:
        raise conflict(
            "no_policy",
            "This workspace has no policy yet, so nobody can be asked. "
            "Apply one with: manage.py policy_apply SLUG FILE",
        )
    policy = cached(situation.policy_version)
    if policy is None:
        row = conn.execute(
            "SELECT number, text FROM policies_policyversion WHERE id = %s",
            [situation.policy_version],
        ).fetchone()
        assert row is not None  # noqa: S101  # a foreign key holds it
        try:
            policy = compile_once(situation.policy_version, row[1], number=row[0])
        except PolicyErrors as error:
            raise conflict(
                "policy_not_accepted",
                f"Version {row[0]} of the policy was saved by another release, and this one does not "
                "accept it: apply a corrected one with manage.py policy_apply.",
            ) from error
    return policy


def check(policy: Compiled, action: str, submitted: Any) -> tuple[Any, bytes]:
    """The payload as policy sees it and its canonical bytes, checked against the action's schema.

    Raises:
        Problem: 422 for an unknown action or a payload off its schema, 413 for one too large.
    """
    if action not in policy.actions:
        raise invalid(
            [
                FieldError(
                    "/action",
                    "unknown_action",
                    "The workspace's policy does not declare this action.",
                )
            ],
            code="unknown_action",
            detail="The action is not in the policy: declare it under `actions`, or correct the name.",
        )
    payload = canonical(submitted)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise too_large(MAX_PAYLOAD_BYTES, "payload_too_large")
    faults = policy.payload_errors(action, submitted)
    if faults:
        raise invalid(
            faults,
            code="payload_off_schema",
            detail="The payload does not fit the action's schema.",
        )
    # What is evaluated is what the stored bytes say, not what the client happened to write.
    return msgspec.json.decode(payload), payload


def plan(
    conn: Connection[Any],
    situation: Situation,
    policy: Compiled,
    action: str,
    submitted: Any,
    *,
    revises: UUID | None = None,
) -> Planned:
    """Plan a payload.  Reads counters and the run where a rule does; the caller holds the lock then.

    Args:
        submitted: the payload as a JSON value.
        revises: the request whose payload it shall be from now on; what is counted leaves it out.
    """
    payload, stored = check(policy, action, submitted)
    counters = policy.counters_for(action, payload)
    found = {
        counter: count(conn, situation.agent_id, counter, payload, revises) for counter in counters
    }
    # What cannot be known any more is left out: a condition that reads it fails, and fails closed.
    counted = {counter: value for counter, value in found.items() if value is not None}
    run = None
    if situation.run is not None and policy.asks_run(action):
        run = run_facts(conn, situation.workspace_id, situation.run.id, excluding=revises)
    made: Plan = plan_for(
        policy=policy,
        action=action,
        payload=payload,
        agent=AgentFacts(
            id=ids.encode("agt", situation.agent_id),
            name=situation.agent_name,
            owner=situation.owner_email,
        ),
        workspace=WorkspaceFacts(
            id=ids.encode("wsp", situation.workspace_id), slug=situation.workspace_slug
        ),
        now=situation.now,
        counters=counted,
        run=run,
    )
    kind = policy.document.actions[action]
    hours = hours_of(policy.document, made.stages[0].any_of if made.stages else ())
    made = _in_open_hours(conn, situation, made, hours)
    frozen = freeze(
        made,
        fallback=policy.document.fallback,
        labels=kind.labels,
        editable=kind.editable,
        roles=situation.roles,
        owner_active=situation.owner_active,
        initiator_active=situation.initiator_active,
        people=_named(conn, situation.workspace_id, made),
        hours=hours,
    )
    assert situation.policy_version is not None  # noqa: S101  # policy_of raised otherwise
    return Planned(action, stored, frozen, situation.policy_version, made.risk, made.title)


def _in_open_hours(conn: Connection[Any], situation: Situation, made: Plan, hours: str) -> Plan:
    """A plan whose time counts only open hours, with the time that this comes to from now on.

    Where the schedule is gone, or never open within a year, every hour counts: that is sooner.
    """
    if not made.business:
        return made
    schedule = duty.spec_of(conn, situation.workspace_id, hours) if hours else None
    if schedule is None:
        return made
    until = business.add(schedule, situation.now, timedelta(seconds=made.expires_in_s))
    if until is None:
        return made
    return replace(made, expires_in_s=int((until - situation.now).total_seconds()))


def _named(conn: Connection[Any], workspace: UUID, made: Plan) -> dict[str, UUID]:
    """The people whom a plan's escalation names by address."""
    emails = [
        step.target.removeprefix("person:")
        for step in made.escalation
        if step.target.startswith("person:")
    ]
    if not emails:
        return {}
    rows = conn.execute(PERSONS_OF, {"workspace": workspace, "emails": emails}).fetchall()
    return dict(rows)


def suspended(caller: KeyContext) -> Problem:
    """403 for a submit by an agent that may not act."""
    return Problem(
        403,
        "agent_suspended",
        "Agent suspended",
        f"This agent is {caller.agent_state}: it may read its requests and submits nothing.",
    )
