"""How the tests of faults come in: with the agent's key, and as a person who signed in."""

from __future__ import annotations

from typing import Any

import requests

from tests.approvals.world import World
from tests.factories import PASSWORD
from tests.processes import Web


def bearer(world: World, **more: str) -> dict[str, str]:
    """The headers of the world's agent."""
    return {"Authorization": f"Bearer {world.key.token}", **more}


def signed_in(web: Web, world: World, name: str = "ana") -> requests.Session:
    """A person's session at this process."""
    session = requests.Session()
    answer = session.post(
        f"{web.url}/api/v1/session",
        json={"email": world.email(name), "password": PASSWORD},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    session.headers["X-CSRFToken"] = session.cookies["csrftoken"]
    return session


def decide(session: requests.Session, web: Web, request: dict[str, Any]) -> requests.Response:
    """Approve a request."""
    body = {"verdict": "approve", "stage": 0, "payload_digest": request["payload_digest"]}
    return session.post(
        f"{web.url}/api/v1/requests/{request['id']}/decisions", json=body, timeout=30
    )
