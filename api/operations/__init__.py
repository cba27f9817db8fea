"""What the API can do: one entry per operation, for the OpenAPI document and its page."""

from __future__ import annotations

from typing import Final

from api.operations.absences import ABSENCES
from api.operations.agents import AGENTS
from api.operations.audit import AUDIT
from api.operations.channels import CHANNELS
from api.operations.directory import DIRECTORY
from api.operations.endpoints import ENDPOINTS
from api.operations.erasures import ERASURES
from api.operations.keys import KEYS
from api.operations.numbers import NUMBERS
from api.operations.own import OWN
from api.operations.people import PEOPLE
from api.operations.permits import PERMITS
from api.operations.policies import POLICIES
from api.operations.rehearsals import REHEARSALS
from api.operations.runs import RUNS
from api.operations.saved_views import SAVED_VIEWS
from api.operations.schedules import SCHEDULES
from api.operations.server import SERVER
from api.operations.teamwork import TEAMWORK
from api.operations.terms import ERRORS, Operation

OPERATIONS: Final[tuple[Operation, ...]] = (
    *AGENTS,
    *PERMITS,
    *RUNS,
    *PEOPLE,
    *OWN,
    *ABSENCES,
    *DIRECTORY,
    *SAVED_VIEWS,
    *TEAMWORK,
    *POLICIES,
    *REHEARSALS,
    *ENDPOINTS,
    *KEYS,
    *CHANNELS,
    *SCHEDULES,
    *AUDIT,
    *NUMBERS,
    *ERASURES,
    *SERVER,
)

__all__ = ["ERRORS", "OPERATIONS", "Operation"]
