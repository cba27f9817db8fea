"""An office with a till: a tool that pays back what a permit allows."""

from __future__ import annotations

import base64
import json
from typing import Any

from django.conf import settings

from agents.services import create_tool_key
from tests.clients.office import Office
from tests.factories import ACTOR
from tests.server import Live


class Shop(Office):
    """Small refunds are approved by policy, so that their permits can be had at once."""

    def __init__(self, server: Live) -> None:
        super().__init__(server)
        till = create_tool_key(actor=ACTOR, workspace=self.workspace, name="till")
        self.tool_key = str(till.token)
        self.issuer = str(settings.BASE_URL)
        self.audience = f"{self.issuer}/workspaces/{self.workspace.slug}"
        self.url, self.address = server.url, server.address
        self._agent = self.client()

    @property
    def environment(self) -> dict[str, str]:
        """What agent and tool need to know."""
        tool = {"ASSENTRY_TOOL_KEY": self.tool_key, "ASSENTRY_AUDIENCE": self.audience}
        return super().environment | tool

    def permit(self, order: str = "A-1", amount: float = 5) -> str:
        """The token of a permit for a refund that was not there before."""
        asked = self._agent.request("payments.refund", {"order": order, "amount": amount})
        return asked.permit().token

    def end_permit(self, token: str) -> None:
        """Let it open nothing any more: the agent asks for another one."""
        self._agent.get(_claims(token)["req"]).permit()

    def result(self, token: str) -> tuple[str, str] | None:
        """What the server knows to have come of it."""
        result = self._agent.get(_claims(token)["req"]).request.result
        return None if result is None else (result["status"], result["detail"])


def _claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return found
