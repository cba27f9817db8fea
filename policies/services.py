"""Working with a policy: checked, compared, tested, and applied.

Applied, a text becomes the version that plans every request from now on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.db import transaction

from audit import kinds
from audit.actor import Actor
from audit.log import record
from core import canonical, ids
from people.errors import Refusal
from people.models import Workspace
from people.roles import PolicyRole, Reconciled, people_by_email, reconcile_policy_roles
from people.schedules.services import SchedulesReconciled, reconcile_schedules
from policies import cases, document
from policies.active import active_version
from policies.cases import CaseResult
from policies.compiled import compile_document, compile_policy
from policies.differences import Change, EffectChange, changes, effect_changes
from policies.errors import PolicyError, PolicyErrors, quoted
from policies.models import Policy, PolicyVersion
from policies.terms import Document, Member


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying did.  ``is_new`` is false where the active version has this very text."""

    version: PolicyVersion
    is_new: bool
    roles: Reconciled
    schedules: SchedulesReconciled


def apply(*, actor: Actor, workspace: Workspace, text: str) -> Applied:
    """Check a document, save it as the next version, make it active, and reconcile its roles
    and schedules.

    All of it or nothing.  Requests that are pending keep the plan they have.

    Raises:
        PolicyErrors: everything that is wrong with it, each with line and column.
    """
    parsed = document.parse(text)
    failing = list(cases.faults(compile_document(parsed, 0)))
    with transaction.atomic():
        # One at a time: the number follows from the last one, and there may be no policy row yet.
        Workspace.objects.select_for_update(no_key=True).get(id=workspace.id)
        roles = _roles(workspace, parsed, failing)
        version, is_new = _save(actor, workspace, text)
        changes = reconcile_policy_roles(actor=actor, workspace=workspace, roles=roles)
        schedules = reconcile_schedules(
            actor=actor,
            workspace=workspace,
            schedules={name: one.says for name, one in parsed.schedules.items()},
        )
    return Applied(version, is_new, changes, schedules)


def check(*, workspace: Workspace | None, text: str) -> Document:
    """Check a document as `apply` would, and save nothing.

    Without a workspace, whether its members are anybody is not looked at.

    Raises:
        PolicyErrors: everything that is wrong with it, each with line and column.
    """
    parsed = document.parse(text)
    failing = list(cases.faults(compile_document(parsed, 0)))
    if workspace is not None:
        _roles(workspace, parsed, failing)
    elif failing:
        raise PolicyErrors(failing)
    return parsed


def run_tests(*, text: str) -> list[CaseResult]:
    """Run the tests of a document.

    Raises:
        PolicyErrors: it cannot be used, whatever its tests say.
    """
    return list(cases.results(compile_document(document.parse(text), 0)))


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a document would change.  ``against`` is the number of the active version, where there is one."""

    against: int | None
    changes: tuple[Change, ...]
    effects: tuple[EffectChange, ...]


class ActiveNotAccepted(Refusal):
    """Version {number} of the policy was saved by another release, and this one does not accept it."""


def compare(*, workspace: Workspace, text: str) -> Comparison:
    """Compare a document with the active version.  Without one, everything in it is new.

    Raises:
        PolicyErrors: it cannot be used.  Cases that fail are not looked at.
        ActiveNotAccepted: the active version cannot be read by this release.
    """
    parsed = document.parse(text)
    active = active_version(workspace.id)
    if active is None:
        before = replace(
            parsed,
            roles={},
            actions={},
            rules=(),
            tools={},
            escalations={},
            tests=(),
            schedules={},
        )
        return Comparison(None, tuple(changes(before, parsed)), ())
    try:
        old = compile_policy(active.text, active.number)
    except PolicyErrors as error:
        raise ActiveNotAccepted(number=active.number) from error
    effects = effect_changes(old, compile_document(parsed, active.number))
    return Comparison(active.number, tuple(changes(old.document, parsed)), tuple(effects))


def _roles(
    workspace: Workspace, parsed: Document, failing: list[PolicyError]
) -> dict[str, PolicyRole]:
    """The declared roles with their members' ids; every address must be an active person's."""
    members = [member for role in parsed.roles.values() for member in role.members or ()]
    members += _told(parsed)
    members += [member for one in parsed.schedules.values() for member in one.members]
    known = people_by_email(workspace, [member.email for member in members])
    active = {email: person.id for email, person in known.items() if person.active}
    faults = [*failing, *_strangers(members, set(known), set(active))]
    if faults:
        raise PolicyErrors(faults)
    return {
        name: PolicyRole(
            role.title, frozenset(active[email] for email in role.emails), role.schedule
        )
        for name, role in parsed.roles.items()
    }


def _told(parsed: Document) -> list[Member]:
    """Who is told by their address in an escalation; they must be people here as members are."""
    return [
        Member(step.target.removeprefix("person:"), step.place)
        for steps in parsed.escalations.values()
        for step in steps
        if step.target.startswith("person:")
    ]


def _strangers(members: list[Member], known: set[str], active: set[str]) -> Iterator[PolicyError]:
    for member in members:
        if member.email in active:
            continue
        place = member.place
        said = (
            "was deactivated: take the address out, or add them again with person_create."
            if member.email in known
            else "is nobody in this workspace: add them with person_create, or correct the address."
        )
        detail = f"{quoted(member.email)} {said}"
        yield PolicyError(place.line, place.column, place.path, detail)


def _save(actor: Actor, workspace: Workspace, text: str) -> tuple[PolicyVersion, bool]:
    digest = canonical.digest(text.encode())
    before = active_version(workspace.id)
    if before is not None and bytes(before.digest) == digest:
        return before, False
    version = PolicyVersion.objects.create(
        workspace=workspace,
        number=before.number + 1 if before else 1,
        text=text,
        digest=digest,
        created_by_id=actor.id if actor.kind == "person" else None,
    )
    Policy.objects.update_or_create(workspace=workspace, defaults={"active": version})
    record(
        actor=actor,
        workspace=workspace.id,
        subject=("pol", version.id),
        data=kinds.PolicyApplied(
            version=ids.encode("pol", version.id),
            number=version.number,
            digest=canonical.show_digest(digest),
        ),
    )
    return version, True
