"""Exit codes.  They lie where commands rarely do, since ``assentry run`` passes its command's own through."""

from __future__ import annotations

from enum import IntEnum

from assentry import (
    AlreadyRan,
    ApiError,
    AssentryError,
    Cancelled,
    EditNotApplied,
    Expired,
    OutcomeUnknown,
    PayloadError,
    Refused,
    Rejected,
    Returned,
    SettingsError,
    StillPending,
    Stopped,
    Unreachable,
    WrongPayload,
)
from assentry.objects import Request


class Code(IntEnum):
    """What a command came to."""

    FINE = 0
    MISUSE = 2
    REJECTED = 110
    REFUSED = 111
    EXPIRED = 112
    CANCELLED = 113
    PENDING = 114
    RETURNED = 115
    STOPPED = 116
    RAN_BEFORE = 117
    UNREACHABLE = 118
    ERROR = 119


_OF_ERRORS: tuple[tuple[type[AssentryError], Code], ...] = (
    (SettingsError, Code.MISUSE),
    (PayloadError, Code.MISUSE),
    (Refused, Code.REFUSED),
    (Rejected, Code.REJECTED),
    (Expired, Code.EXPIRED),
    (Cancelled, Code.CANCELLED),
    (StillPending, Code.PENDING),
    (Returned, Code.RETURNED),
    (Stopped, Code.STOPPED),
    (AlreadyRan, Code.RAN_BEFORE),
    (OutcomeUnknown, Code.RAN_BEFORE),
    (EditNotApplied, Code.ERROR),
    (WrongPayload, Code.ERROR),
    (Unreachable, Code.UNREACHABLE),
    (ApiError, Code.ERROR),
)


def of_error(error: AssentryError) -> Code:
    """The code of what was raised."""
    return next((code for kind, code in _OF_ERRORS if isinstance(error, kind)), Code.ERROR)


def of_request(request: Request) -> Code:
    """The code of a request as it stands."""
    match request.status:
        case "approved" | "answered":
            return Code.FINE
        case "rejected":
            return Code.REFUSED if request.basis == "policy" else Code.REJECTED
        case "expired":
            return Code.EXPIRED
        case "cancelled":
            return Code.CANCELLED
        case _:
            return Code.RETURNED if request.given_back else Code.PENDING
