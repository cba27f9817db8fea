"""An auditor who exports, and a worker that is this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from agents.services import create_auditor_key
from audit.sequencer import sequence
from core import due
from oversight.exports import keeping
from tests.api.tenant import Tenant
from tests.api.test_openapi import check
from tests.factories import ACTOR, bearer
from tests.promises import ask
from tests.server import Live


class Auditor:
    """Somebody with an auditor's key of a tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant, self.workspace = tenant, tenant.workspace.id
        made = create_auditor_key(actor=ACTOR, workspace=tenant.workspace, name="Yearly audit")
        self.key, self.headers = made.key, bearer(made.token)

    def call(self, method: str, path: str = "", **options: Any) -> requests.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        answer = self.tenant.server.call(
            method, f"/audit/exports{path}", headers=headers, **options
        )
        named = "".join(
            "/{id}" if part.startswith("exp_") else f"/{part}"
            for part in path.partition("?")[0].split("/")
            if part
        )
        if method != "HEAD":
            check(method.lower(), f"/api/v1/audit/exports{named}", answer)
        return answer

    def asked(self, **body: Any) -> dict[str, Any]:
        """Ask for an export of what has happened by now."""
        sequence(self.workspace)
        answer = self.call("POST", json=body)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def exported(self, **body: Any) -> dict[str, Any]:
        """Ask, and let a worker write it."""
        made = self.asked(**body)
        work()
        found: dict[str, Any] = self.call("GET", f"/{made['id']}").json()
        assert found["state"] == "ready", found
        return found

    def content(self, **body: Any) -> bytes:
        """Ask, and download the file."""
        answer = self.call("GET", f"/{self.exported(**body)['id']}/content")
        assert answer.status_code == 200, answer.text
        return answer.content


def work() -> int:
    """Keep what is due, as a worker does."""
    return due.run(keeping.EXPORT, keeping.keep)


def code(answer: requests.Response) -> str:
    return f"{answer.status_code} {answer.json()['type'].rsplit(':', 1)[1]}"


@pytest.fixture
def tenant(server: Live) -> Tenant:
    return Tenant(server)


@pytest.fixture
def auditor(tenant: Tenant) -> Auditor:
    return Auditor(tenant)


@pytest.fixture(autouse=True)
def _nothing_stays_due() -> Iterator[None]:
    yield
    ask("DELETE FROM core_due WHERE kind = 'audit.export' RETURNING 1")
