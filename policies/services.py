"""Working with a policy: checked, tested, and applied.

Applied, a text becomes the version that plans every request from now on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.db import transaction

from audit import kinds
from audit.actor import Actor
from audit.log import Commitment, record
from core import canonical, ids
from people.errors import Refusal
from people.models import Workspace
from people.roles import PolicyRole, Reconciled, people_by_email, reconcile_policy_roles
from people.schedules.services import SchedulesReconciled, reconcile_schedules
from policies import cases, document
from policies.active import active_version
from policies.cases import CaseResult
from policies.compiled import compile_document
from policies.errors import PolicyError, PolicyErrors, quoted
from policies.models import Policy, PolicyVersion
from policies.source import with_file_ends
from policies.terms import Document, Member

#: How long what is said about a version may be.
MAX_COMMENT: Final = 1_000
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Changed(Refusal):
    """Version {active} is active, not version {expected}: look at what changed, and apply to that one."""

    def __init__(self, *, active: int, expected: int) -> None:
        super().__init__(active=active, expected=expected)
        self.active = active


class BadComment(Refusal):
    """A comment has at most {most} characters, and no control characters but line breaks and tabs."""

    argument = "comment"


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying did.  ``is_new`` is false where the active version has this very text."""

    version: PolicyVersion
    document: Document
    is_new: bool
    roles: Reconciled
    schedules: SchedulesReconciled


def apply(
    *,
    actor: Actor,
    workspace: Workspace,
    text: str,
    comment: str = "",
    expected: int | None = None,
) -> Applied:
    """Check a document, save it as the next version, make it active, and reconcile its roles
    and schedules.

    All of it or nothing.  It is saved with the line ends of files, whoever sent it with which.  Requests that are pending keep the plan they have.

    Args:
        comment: why, for whoever looks at the version later.
        expected: the number of the version that must be active still, 0: none; None: whichever is.
            A text that is active already is no conflict.

    Raises:
        PolicyErrors: everything that is wrong with it, each with line and column.
        BadComment: too long, or it has control characters.
        Changed: another version is active than the one expected.
    """
    text, comment = with_file_ends(text), with_file_ends(comment)
    if len(comment) > MAX_COMMENT or _CONTROLS.search(comment):
        raise BadComment(most=MAX_COMMENT)
    parsed = document.parse(text)
    failing = list(cases.faults(compile_document(parsed, 0)))
    with transaction.atomic():
        # One at a time: the number follows from the last one, and there may be no policy row yet.
        Workspace.objects.select_for_update(no_key=True).get(id=workspace.id)
        before = active_version(workspace.id)
        digest = canonical.digest(text.encode())
        same = before if before is not None and _is_text_of(before, text) else None
        active = before.number if before else 0
        if same is None and expected is not None and expected != active:
            raise Changed(active=active, expected=expected)
        roles = _roles(workspace, parsed, failing)
        version = same or _save(actor, workspace, text, digest, active, comment)
        changes = reconcile_policy_roles(actor=actor, workspace=workspace, roles=roles)
        schedules = reconcile_schedules(
            actor=actor,
            workspace=workspace,
            schedules={name: one.says for name, one in parsed.schedules.items()},
        )
    return Applied(version, parsed, same is None, changes, schedules)


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
            role.title,
            frozenset(active[email] for email in role.emails),
            role.schedule,
            role.group,
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


def _is_text_of(version: PolicyVersion, text: str) -> bool:
    """Whether a version has this text; older releases saved the line ends that it came with."""
    either = (text, text.replace("\n", "\r\n"))
    return bytes(version.digest) in {canonical.digest(one.encode()) for one in either}


def _save(
    actor: Actor, workspace: Workspace, text: str, digest: bytes, after: int, comment: str
) -> PolicyVersion:
    version = PolicyVersion.objects.create(
        workspace=workspace,
        number=after + 1,
        text=text,
        digest=digest,
        comment=comment,
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
        commits={"comment": Commitment(comment.encode(), kept=False)} if comment else None,
    )
    return version
