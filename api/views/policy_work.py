"""Working with a policy before it is active: checked, compared, tested; nothing is saved."""

from __future__ import annotations

from typing import TypeVar

from django.http import HttpResponse
from rest_framework.request import Request

from api.doors import PeopleDoor, Signed, answer, body_of, signed
from api.policy_messages import (
    CaseShown,
    PolicyBody,
    PolicyChecked,
    PolicyCompared,
    PolicyFault,
    PolicyGiven,
    PolicyLookedAt,
    PolicyTestBody,
    PolicyTested,
    PolicyTried,
)
from api.views.policy import compared
from core.problems import conflict, forbidden
from oversight.policy import rights
from people.models import Workspace
from policies import comparing, outlook, services, trying
from policies.cases import CaseResult, outcome
from policies.errors import PolicyErrors

Body = TypeVar("Body", bound=PolicyBody)


def _editor(request: Request, shape: type[Body]) -> tuple[Signed, Body]:
    """Who calls, with the permission to edit, and what they sent."""
    who = signed(request)
    if not rights(who.reader).edits:
        raise forbidden("Working on the policy takes its permission edit.")
    return who, body_of(request, shape)


def _workspace(who: Signed) -> Workspace:
    return Workspace.objects.get(id=who.here.workspace_id)


def _faults(found: PolicyErrors) -> list[PolicyFault]:
    return [PolicyFault(one.line, one.column, one.path, one.detail) for one in found.errors]


class CheckPolicy(PeopleDoor):
    """``/policies/check``"""

    def post(self, request: Request) -> HttpResponse:
        """Everything that is wrong with a document, its own tests included."""
        who, body = _editor(request, PolicyBody)
        try:
            document = services.check(workspace=_workspace(who), text=body.text)
        except PolicyErrors as found:
            return answer(request, PolicyChecked(False, _faults(found), []))
        warnings = outlook.warnings(workspace=_workspace(who), document=document)
        return answer(request, PolicyChecked(True, [], warnings))


class ComparePolicy(PeopleDoor):
    """``/policies/diff``"""

    def post(self, request: Request) -> HttpResponse:
        """What a document would change against the active version."""
        who, body = _editor(request, PolicyBody)
        try:
            found = comparing.compare(workspace=_workspace(who), text=body.text)
        except PolicyErrors as faulty:
            return answer(request, PolicyCompared(False, _faults(faulty), None, [], []))
        except comparing.NotAccepted as refused:
            raise conflict("policy_not_accepted", str(refused)) from refused
        return answer(request, compared(found))


class TryPolicy(PeopleDoor):
    """``/policies/test``"""

    def post(self, request: Request) -> HttpResponse:
        """What comes of each case that a document brings along."""
        _, body = _editor(request, PolicyTestBody)
        try:
            results = services.run_tests(text=body.text)
            tried = None if body.given is None else _tried(body.text, body.given)
        except PolicyErrors as found:
            return answer(request, PolicyTested(False, _faults(found), 0, 0, []))
        failed = sum(one.differs is not None for one in results)
        shown = [_case(one) for one in results]
        return answer(
            request, PolicyTested(not failed, [], len(results) - failed, failed, shown, tried)
        )


def _tried(text: str, given: PolicyGiven) -> PolicyTried:
    wanted = trying.Given(given.action, given.payload, given.count, given.sum)
    found = trying.try_one(text=text, given=wanted)
    if found.plan is None:
        return PolicyTried(found.refused, {}, "", [])
    plan = found.plan
    trace = [PolicyLookedAt(one.rule, one.when, one.result, one.error) for one in plan.trace]
    return PolicyTried(None, outcome(plan), plan.why, trace)


def _case(result: CaseResult) -> CaseShown:
    case = result.case
    return CaseShown(
        name=case.name,
        line=case.place.line,
        passed=result.differs is None,
        expected=dict(case.expect),
        came=result.came,
        why=result.why,
        differs=result.differs,
    )
