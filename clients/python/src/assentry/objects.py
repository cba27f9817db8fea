"""What the server answers, with names: requests, and how they ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from assentry.canonical import digest
from assentry.errors import (
    Cancelled,
    Expired,
    NotApproved,
    Refused,
    Rejected,
    StillPending,
    WrongPayload,
)


class Request:
    """A request or question as the server showed it at one moment.

    Attributes:
        raw: the whole request object (docs/api.md, "The request object"); members are added to it.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = dict(raw)

    def __repr__(self) -> str:
        return f"<Request {self.id} {self.action} {self.status}>"

    @property
    def id(self) -> str:
        return str(self.raw["id"])

    @property
    def kind(self) -> str:
        """``request`` or ``question``."""
        return str(self.raw["kind"])

    @property
    def action(self) -> str:
        return str(self.raw["action"])

    @property
    def status(self) -> str:
        """``pending``, ``approved``, ``rejected``, ``answered``, ``expired`` or ``cancelled``."""
        return str(self.raw["status"])

    @property
    def pending(self) -> bool:
        return self.status == "pending"

    @property
    def given_back(self) -> bool:
        """Whether it is pending and waits for the agent's answer."""
        return self.pending and self.raw.get("waiting_on") == "agent"

    @property
    def basis(self) -> str | None:
        """Why it ended: ``people``, ``policy``, ``clock``…"""
        basis: str | None = self.raw.get("basis")
        return basis

    @property
    def payload(self) -> Any:
        """As it stands now: people may have edited it."""
        return self.raw["payload"]

    @property
    def payload_digest(self) -> str:
        """``sha256:…``; empty where the content was erased since."""
        return str(self.raw["payload_digest"] or "")

    @property
    def revision(self) -> int:
        return int(self.raw["revision"])

    @property
    def sequence(self) -> int:
        """Grows with every change."""
        return int(self.raw["sequence"])

    @property
    def stop(self) -> bool:
        """Whether the server says that the agent must not go on: it was suspended or retired."""
        return bool(self.raw.get("stop"))

    @property
    def answer(self) -> Any:
        """Of a question."""
        return self.raw.get("answer")

    @property
    def result(self) -> Mapping[str, Any] | None:
        """What the agent reported after acting."""
        result: Mapping[str, Any] | None = self.raw.get("result")
        return result

    @property
    def message(self) -> str:
        """One sentence that may be handed to a model."""
        return str(self.raw["message"])

    @property
    def _last_return(self) -> Mapping[str, Any]:
        returns = [one for one in self.raw.get("messages") or () if one.get("kind") == "return"]
        return returns[-1] if returns else {}

    @property
    def return_id(self) -> str:
        """Which return is the latest."""
        return str(self._last_return.get("id") or "")

    @property
    def returned_with(self) -> str:
        """The words with which it was given back last; empty where it never was."""
        return str(self._last_return.get("text") or "")

    def checked(self) -> Self:
        """Itself, where its payload is the one that its digest names.

        Raises:
            WrongPayload: where not.
        """
        if digest(self.payload) != self.payload_digest:
            raise WrongPayload(self, f"The payload of {self.id} is not what its digest says.")
        return self


@dataclass(frozen=True)
class IssuedPermit:
    """Leave to run one approved action, for the tool that runs it: `str` gives the token.

    Attributes:
        id: its own.
        token: what the tool wants to see.
        expires_at: until when the tool may use it.
        use_by: until when another one may be asked for, which ends this one.
    """

    id: str
    token: str = field(repr=False)
    expires_at: datetime
    use_by: datetime

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """From the server's answer."""
        return cls(
            str(raw["id"]),
            str(raw["token"]),
            datetime.fromisoformat(raw["expires_at"]),
            datetime.fromisoformat(raw["use_by"]),
        )

    def __str__(self) -> str:
        return self.token


_ENDS: Mapping[str, type[NotApproved]] = {
    "rejected": Rejected,
    "expired": Expired,
    "cancelled": Cancelled,
}


class Outcome:
    """How a request ended.

    Attributes:
        request: the request as it ended.
    """

    __slots__ = ("request",)

    def __init__(self, request: Request) -> None:
        self.request = request

    def __repr__(self) -> str:
        return f"<Outcome {self.status} of {self.request.id}>"

    @property
    def status(self) -> str:
        return self.request.status

    @property
    def approved(self) -> bool:
        return self.status == "approved"

    @property
    def answered(self) -> bool:
        return self.status == "answered"

    @property
    def refused(self) -> bool:
        """Whether policy said no, and not people."""
        return self.status == "rejected" and self.request.basis == "policy"

    @property
    def payload(self) -> Any:
        """As finally approved: run this one, people may have edited it."""
        return self.request.payload

    @property
    def edited(self) -> bool:
        """Whether the payload was changed since it was first asked for."""
        return self.request.revision > 1

    @property
    def answer(self) -> Any:
        """What people answered to a question."""
        return self.request.answer

    @property
    def message(self) -> str:
        """One sentence that may be handed to a model."""
        return self.request.message

    def raise_for_outcome(self) -> Self:
        """Itself, where it was approved or answered.

        Raises:
            Rejected, Refused, Expired, Cancelled: where not.
            StillPending: where it has not ended.
        """
        if self.approved or self.answered:
            return self
        if self.request.pending:
            raise StillPending([self.request])
        raise (Refused if self.refused else _ENDS.get(self.status, NotApproved))(self.request)
