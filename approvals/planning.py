"""From a submission to a frozen plan: what the database knows, handed to policy as facts.

Policy itself is pure (`policies`); this module reads what its answer depends on: the active version,
who could decide now, and what this agent did earlier, the latter under a lock where a rule counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection

from agents import limits
from agents.authentication import CALLER_COLUMNS, CALLER_FROM, KeyContext, Presented, caller_from
from agents.sql import LOCK_FOR_COUNTING
from approvals.frozen import FrozenPlan, FrozenRole, RoleNow, freeze
from approvals.submission import MAX_PAYLOAD_BYTES, Submission
from core import durations, ids
from core.canonical import canonical
from core.problems import FieldError, Problem, conflict, invalid, too_large
from people.sql import PERSON_IS_ACTIVE, ROLES_NOW
from policies import pointers
from policies.compiled import Compiled, cached
from policies.compiled import get as compile_once
from policies.counters import Counter
from policies.errors import PolicyErrors
from policies.evaluate import AgentFacts, WorkspaceFacts, plan_for
from policies.plan import Plan

READ_INTAKE = f"""
SELECT {CALLER_COLUMNS},
       policy.active_id,
       {ROLES_NOW.format(workspace="workspace.id", excluded="agent.owner_id")},
       {PERSON_IS_ACTIVE.format(person="owner", user="owner_user")},
       owner_user.email
  FROM {CALLER_FROM}
  LEFT JOIN policies_policy policy ON policy.workspace_id = workspace.id
"""

#: The agent's earlier requests of an action that were not refused, within a window.
_EARLIER = """
  FROM approvals_request r
  JOIN approvals_revision v
    ON v.workspace_id = r.workspace_id AND v.request_id = r.id AND v.number = r.revision
 WHERE r.agent_id = %(agent)s AND r.action = %(action)s AND r.status <> 'rejected'
   AND r.created_at > clock_timestamp() - %(window)s::interval
"""
_AT_POINTER = "convert_from(v.payload, 'UTF8')::jsonb #> %(path)s"


@dataclass(frozen=True, slots=True)
class Intake:
    """What one statement reads before a submission is planned."""

    caller: KeyContext
    spent: limits.Spent | None
    policy_version: UUID | None
    roles: dict[str, RoleNow]
    owner_active: bool
    owner_email: str

    @property
    def now(self) -> datetime:
        """The database's clock at the read."""
        return self.caller.now


@dataclass(frozen=True, slots=True)
class Planned:
    """A submission with its canonical payload and the plan that policy made for these bytes."""

    submission: Submission
    payload: bytes
    plan: FrozenPlan
    policy_version: UUID
    risk: str
    title: str


def read_intake(conn: Connection[Any], presented: Presented) -> Intake:
    """Authenticate the key and read what planning needs, in one statement.

    Raises:
        Problem: 401 for a key that is unknown, wrong, revoked or expired, 429 beyond its limit.
    """
    row = conn.execute(READ_INTAKE, {"key": presented.id}).fetchone()
    caller = caller_from(row, presented)
    spent = limits.spend(conn, caller)
    assert row is not None  # noqa: S101  # caller_from raised otherwise; tells the type checker
    active, roles, owner_active, owner_email = row[-4:]
    return Intake(
        caller=caller,
        spent=spent,
        policy_version=active,
        roles={
            name: RoleNow(FrozenRole(UUID(role_id), name, title), eligible)
            for name, (role_id, title, eligible) in (roles or {}).items()
        },
        owner_active=owner_active,
        owner_email=owner_email,
    )


def policy_of(conn: Connection[Any], intake: Intake) -> Compiled:
    """The compiled active policy of the caller's workspace.

    Raises:
        Problem: 409 ``no_policy`` where none was ever applied: nothing can be routed.
    """
    if intake.policy_version is None:
        raise conflict(
            "no_policy",
            "This workspace has no policy yet, so nobody can be asked. "
            "Apply one with: manage.py policy_apply SLUG FILE",
        )
    policy = cached(intake.policy_version)
    if policy is None:
        row = conn.execute(
            "SELECT number, text FROM policies_policyversion WHERE id = %s", [intake.policy_version]
        ).fetchone()
        assert row is not None  # noqa: S101  # a foreign key holds it
        try:
            policy = compile_once(intake.policy_version, row[1], number=row[0])
        except PolicyErrors as error:
            raise conflict(
                "policy_not_accepted",
                f"Version {row[0]} of the policy was saved by another release, and this one does not "
                "accept it: apply a corrected one with manage.py policy_apply.",
            ) from error
    return policy


def check(policy: Compiled, submission: Submission) -> tuple[Any, bytes]:
    """The payload as policy sees it and its canonical bytes, checked against the action's schema.

    Raises:
        Problem: 422 for an unknown action or a payload off its schema, 413 for one too large.
    """
    if submission.action not in policy.actions:
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
    payload = canonical(submission.payload)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise too_large(MAX_PAYLOAD_BYTES, "payload_too_large")
    faults = policy.payload_errors(submission.action, submission.payload)
    if faults:
        raise invalid(
            faults,
            code="payload_off_schema",
            detail="The payload does not fit the action's schema.",
        )
    # What is evaluated is what the stored bytes say, not what the client happened to write.
    return msgspec.json.decode(payload), payload


def plan(
    conn: Connection[Any], intake: Intake, policy: Compiled, submission: Submission
) -> Planned:
    """Plan a submission.  Reads counters where a rule counts; the caller holds the lock then."""
    payload, stored = check(policy, submission)
    counters = policy.counters_for(submission.action, payload)
    caller = intake.caller
    made: Plan = plan_for(
        policy=policy,
        action=submission.action,
        payload=payload,
        agent=AgentFacts(
            id=ids.encode("agt", caller.agent_id), name=caller.agent_name, owner=intake.owner_email
        ),
        workspace=WorkspaceFacts(
            id=ids.encode("wsp", caller.workspace_id), slug=caller.workspace_slug
        ),
        now=intake.now,
        counters={counter: _count(conn, caller.agent_id, counter, payload) for counter in counters},
    )
    frozen = freeze(
        made,
        policy=policy.document,
        action=policy.document.actions[submission.action],
        roles=intake.roles,
        owner_active=intake.owner_active,
    )
    assert intake.policy_version is not None  # noqa: S101  # policy_of raised otherwise
    return Planned(submission, stored, frozen, intake.policy_version, made.risk, made.title)


def counts(policy: Compiled, submission: Submission) -> bool:
    """Whether a rule that may match counts earlier requests, so that submits must take turns."""
    return bool(policy.counters_for(submission.action, submission.payload))


def lock_for_counting(conn: Connection[Any], agent_id: UUID) -> None:
    """Make submits of one agent take turns until this transaction ends."""
    conn.execute(LOCK_FOR_COUNTING, {"agent": agent_id})


def _count(conn: Connection[Any], agent_id: UUID, counter: Counter, payload: Any) -> float:
    from_where, values = _EARLIER, _window(counter, agent_id)
    if counter.by is not None:
        steps = pointers.parse(counter.by)
        wanted = pointers.follow(payload, steps)  # counters_for leaves out what is not there
        from_where += " AND convert_from(v.payload, 'UTF8')::jsonb #> %(by)s = %(wanted)s::jsonb"
        values |= {"by": list(steps), "wanted": canonical(wanted).decode()}
    if counter.kind == "count":
        columns = "count(*)"
    else:
        values["path"] = list(pointers.parse(counter.pointer or ""))
        columns = (
            f"coalesce(sum(CASE WHEN jsonb_typeof({_AT_POINTER}) = 'number' "
            f"THEN ({_AT_POINTER})::text::numeric ELSE 0 END), 0)"
        )
    row = conn.execute(f"SELECT {columns} {from_where}", values).fetchone()
    assert row is not None  # noqa: S101  # an aggregate always answers
    return float(row[0])


def _window(counter: Counter, agent_id: UUID) -> dict[str, Any]:
    window = durations.scaled(timedelta(seconds=counter.window_s))
    return {"agent": agent_id, "action": counter.action, "window": window}


def suspended(caller: KeyContext) -> Problem:
    """403 for a submit by an agent that may not act."""
    return Problem(
        403,
        "agent_suspended",
        "Agent suspended",
        f"This agent is {caller.agent_state}: it may read its requests and submits nothing.",
    )
