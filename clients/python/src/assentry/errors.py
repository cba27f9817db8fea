"""Everything that the client raises.  All of it is an `AssentryError`.

No text here ever holds a key.  The texts of outcomes may be handed to a model as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assentry.objects import Request


class AssentryError(Exception):
    """Whatever went wrong or was refused."""


class SettingsError(AssentryError, ValueError):
    """The address or the key of the server is missing or makes no sense."""


class PayloadError(AssentryError, ValueError):
    """A value is no JSON, or none that has canonical bytes (RFC 8785)."""


class Unreachable(AssentryError):
    """The server could not be reached, or its answers were lost, and patience is over.

    A call that changes something may have been carried out all the same.
    """


class ApiError(AssentryError):
    """The server answered with a problem (RFC 9457).

    Attributes:
        status: the HTTP status.
        code: what to switch on, such as ``unknown_action``.
        detail: the server's words.
        errors: ``{pointer, code, detail}`` for each place of the input that is at fault.
        retry_after: seconds after which the server wants to be asked again; None where it said none.
        problem: the whole body.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        retry_after: float | None = None,
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        self.status, self.code, self.detail = status, code, detail
        self.errors = list(errors)
        self.retry_after = retry_after
        self.problem = dict(problem or {})
        places = "; ".join(
            f"{one.get('pointer') or '/'}: {one.get('detail', '')}" for one in errors
        )
        super().__init__(f"{status} {code}: {detail}" + (f" ({places})" if places else ""))


class Stopped(AssentryError):
    """The server says that this agent must not go on: it was suspended or retired.

    The kill switch does that.  Not even what was approved may run, and what waited was withdrawn.
    """

    def __init__(
        self, text: str = "The server says that this agent must stop: do not go on."
    ) -> None:
        super().__init__(text)


class Suspended(ApiError, Stopped):
    """A call was refused because the agent was suspended or retired."""


class RunEnded(AssentryError):
    """A run of this external id has ended already; a new task needs a new one."""


class CallbackRefused(AssentryError):
    """What came in as a callback is none: answer 401, and do not act on it."""


class CallbackRepeated(CallbackRefused):
    """This callback came before, and is genuine: answer 200, and do not act on it again.

    Attributes:
        id: of the callback.
    """

    def __init__(self, id: str) -> None:
        self.id = id
        super().__init__(f"The callback {id} came before.")


class PermitRefused(AssentryError):
    """This permit does not allow what was to be run: do not run it.

    Attributes:
        code: the server's, where it was the server that refused; else empty.
    """

    def __init__(self, text: str, code: str = "") -> None:
        self.code = code
        super().__init__(text)


class PermitDead(PermitRefused):
    """The permit expired or was revoked, or its agent was suspended.  It never comes back."""


class AlreadyConsumed(PermitRefused):
    """The permit was used before.  What it allowed was run then, or will never be."""


class EffectUnknown(AssentryError):
    """Raise it in a gated or guarded function that cannot tell whether what it did took effect.

    Such as where the service that it called gave no answer.  It is told as ``unknown``, with this text
    (so keep secrets out of it), where any other exception is told as ``failed``.
    """


class _OfRequest(AssentryError):
    def __init__(self, request: Request, text: str | None = None) -> None:
        self.request = request
        super().__init__(text or request.message)


class NotApproved(_OfRequest):
    """The request ended without an approval; the text is the server's sentence for a model."""


class Rejected(NotApproved):
    """People said no."""


class Refused(NotApproved):
    """Policy said no, without asking anybody."""


class Expired(NotApproved):
    """Nobody decided in time.  That is not a no: it may be asked again."""


class Cancelled(NotApproved):
    """The request was withdrawn, by the agent or by its owner."""


class Returned(_OfRequest):
    """A person gave the request back: answer with a message or a revision, then wait again.

    Attributes:
        words: what they wrote.
    """

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.words = request.returned_with


class StillPending(AssentryError, TimeoutError):
    """The time given to a wait is over; the requests are still undecided.

    Attributes:
        requests: those that are.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        self.requests = list(requests)
        names = ", ".join(request.id for request in self.requests)
        super().__init__(f"Not decided yet: {names}. Do not run the action; wait again.")


class WrongPayload(_OfRequest):
    """The payload is not the one whose digest was approved.  Nothing was run."""


class EditNotApplied(_OfRequest):
    """People changed the payload, and the gate does not know how to run the changed one."""


class OutcomeUnknown(_OfRequest):
    """An earlier attempt began and nobody knows how it ended.  The function was not run again.

    Attributes:
        key: under which the journal knows the call.
    """

    def __init__(self, request: Request, key: str) -> None:
        self.key = key
        super().__init__(
            request,
            "This action was begun before and it is not known whether it took effect: do not run it "
            "again; find out what happened first.",
        )


class AlreadyRan(_OfRequest):
    """An earlier attempt ran to its end.  The function was not run again.

    Attributes:
        status: ``succeeded``, or ``failed`` where it raised.
        result: what it returned, as JSON gives it back; None where there is none.
        stored: whether `result` is what it returned.
        error: the name of the exception that it raised; empty where it raised none.
    """

    def __init__(
        self,
        request: Request,
        *,
        status: str,
        result: Any = None,
        stored: bool = False,
        error: str = "",
    ) -> None:
        self.status, self.result, self.stored, self.error = status, result, stored, error
        how = "it failed" if status == "failed" else "it succeeded"
        super().__init__(
            request, f"This action has been run already, and {how}: do not run it again."
        )


class BadNote(AssentryError, ValueError):
    """A text is no signed note, no checkpoint, no verifier key, or none that is known."""


class UnknownSigner(BadNote):
    """A note is signed by none of the keys that were given."""


class Wrong(AssentryError):
    """The file is not the log that was signed, or not whole.

    Attributes:
        position: of the first event that is known to be wrong; None where it cannot be said.
        within: the events ``(from, to)`` of which at least one is wrong, where only that is known.
        line: the line of the file, from 1, where it is one that is wrong.
    """

    def __init__(
        self,
        why: str,
        *,
        position: int | None = None,
        within: tuple[int, int] | None = None,
        line: int | None = None,
    ) -> None:
        self.why, self.position, self.within, self.line = why, position, within, line
        place = "" if line is None else f"line {line:,}: "
        if position is not None:
            place = f"position {position:,}: "
        elif within is not None:
            place = f"positions {within[0]:,} to {within[1]:,}: "
        super().__init__(place + why)
