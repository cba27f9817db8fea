"""The Python client of Assentry: ask people before an agent acts.

`Client` and `AsyncClient` are the same, for threads and for asyncio.
"""

from assentry.aio import AsyncClient, AsyncHandle
from assentry.aioblocks import AsyncRun, AsyncStep
from assentry.blocks import Run, Step
from assentry.canonical import canonical, digest
from assentry.client import Client, Handle
from assentry.errors import (
    AlreadyConsumed,
    AlreadyRan,
    ApiError,
    AssentryError,
    CallbackRefused,
    CallbackRepeated,
    Cancelled,
    EditNotApplied,
    EffectUnknown,
    Expired,
    NotApproved,
    OutcomeUnknown,
    PayloadError,
    PermitDead,
    PermitRefused,
    Refused,
    Rejected,
    Returned,
    RunEnded,
    SettingsError,
    StillPending,
    Stopped,
    Suspended,
    Unreachable,
    WrongPayload,
)
from assentry.exchange import Retry
from assentry.journal import Journal
from assentry.objects import IssuedPermit, Outcome, Request

__all__ = [
    "AlreadyConsumed",
    "AlreadyRan",
    "ApiError",
    "AssentryError",
    "AsyncClient",
    "AsyncHandle",
    "AsyncRun",
    "AsyncStep",
    "CallbackRefused",
    "CallbackRepeated",
    "Cancelled",
    "Client",
    "EditNotApplied",
    "EffectUnknown",
    "Expired",
    "Handle",
    "IssuedPermit",
    "Journal",
    "NotApproved",
    "Outcome",
    "OutcomeUnknown",
    "PayloadError",
    "PermitDead",
    "PermitRefused",
    "Refused",
    "Rejected",
    "Request",
    "Retry",
    "Returned",
    "Run",
    "RunEnded",
    "SettingsError",
    "Step",
    "StillPending",
    "Stopped",
    "Suspended",
    "Unreachable",
    "WrongPayload",
    "canonical",
    "digest",
]
