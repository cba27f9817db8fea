"""Working with a policy before it is active: checked, compared, tested; nothing is saved."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from api.doors import PeopleDoor, Signed, answer, body_of, signed
from api.policy_messages import (
    CaseShown,
    EffectShown,
    PolicyBody,
    PolicyChangeShown,
    PolicyChecked,
    PolicyCompared,
    PolicyFault,
    PolicyTested,
)
from api.views.policy import may
from core.problems import conflict, forbidden
from people.models import Workspace
from policies import outlook, services
from policies.cases import CaseResult
from policies.errors import PolicyErrors


def _editor(request: Request) -> tuple[Signed, str]:
    """Who calls, with the permission to edit, and the document."""
    who = signed(request)
    if not may(who, "edit"):
        raise forbidden("Working on the policy takes its permission edit.")
    return who, body_of(request, PolicyBody).text


def _workspace(who: Signed) -> Workspace:
    return Workspace.objects.get(id=who.here.workspace_id)


def _faults(found: PolicyErrors) -> list[PolicyFault]:
    return [PolicyFault(one.line, one.column, one.path, one.detail) for one in found.errors]


class CheckPolicy(PeopleDoor):
    """``/policies/check``"""

    def post(self, request: Request) -> HttpResponse:
        """Everything that is wrong with a document, its own tests included."""
        who, text = _editor(request)
        try:
            document = services.check(workspace=_workspace(who), text=text)
        except PolicyErrors as found:
            return answer(request, PolicyChecked(False, _faults(found), []))
        warnings = outlook.warnings(workspace=_workspace(who), document=document)
        return answer(request, PolicyChecked(True, [], warnings))


class ComparePolicy(PeopleDoor):
    """``/policies/diff``"""

    def post(self, request: Request) -> HttpResponse:
        """What a document would change against the active version."""
        who, text = _editor(request)
        try:
            found = services.compare(workspace=_workspace(who), text=text)
        except PolicyErrors as faulty:
            return answer(request, PolicyCompared(False, _faults(faulty), None, [], []))
        except services.ActiveNotAccepted as refused:
            raise conflict("policy_not_accepted", str(refused)) from refused
        changed = [
            PolicyChangeShown(one.what, one.name, one.change, one.text) for one in found.changes
        ]
        effects = [
            EffectShown(one.action, one.case, one.before, one.after, one.text)
            for one in found.effects
        ]
        return answer(request, PolicyCompared(True, [], found.against, changed, effects))


class TryPolicy(PeopleDoor):
    """``/policies/test``"""

    def post(self, request: Request) -> HttpResponse:
        """What comes of each case that a document brings along."""
        _, text = _editor(request)
        try:
            results = services.run_tests(text=text)
        except PolicyErrors as found:
            return answer(request, PolicyTested(False, _faults(found), 0, 0, []))
        failed = sum(one.differs is not None for one in results)
        shown = [_case(one) for one in results]
        return answer(request, PolicyTested(not failed, [], len(results) - failed, failed, shown))


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
