"""A limit holds on the call that matters most, which has its own statement."""

from __future__ import annotations

import json

import pytest

from approvals.preview import preview
from approvals.submit import submit
from core.problems import Problem
from tests.agents.test_limits import room
from tests.factories import KeyFactory, MembershipFactory, PolicyFactory, RoleFactory

BODY = json.dumps({"action": "site.publish", "payload": {}}).encode()


def test_submits_and_previews_count_against_the_limit():
    room()
    made = KeyFactory(rate_limit=2)
    workspace = made.key.agent.workspace
    MembershipFactory(role=RoleFactory(workspace=workspace, name="lead"))
    PolicyFactory(workspace=workspace)
    header = f"Bearer {made.token}"
    submit(authorization=header, body=BODY, idempotency_key=None)
    preview(authorization=header, body=BODY)
    for refused in (
        lambda: submit(authorization=header, body=BODY, idempotency_key=None),
        lambda: preview(authorization=header, body=BODY),
    ):
        with pytest.raises(Problem) as caught:
            refused()
        assert caught.value.status == 429
        assert "Retry-After" in caught.value.headers
