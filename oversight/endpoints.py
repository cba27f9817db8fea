"""Which endpoints a person manages: administrators every one, owners those of their own agents.

The same for every door: what a person does not manage is absent for them.
"""

from __future__ import annotations

from uuid import UUID

from agents.models import Agent
from approvals.access import Reader
from callbacks import lists
from callbacks.lists import EndpointRow
from callbacks.models import Callback, Endpoint
from core.problems import FieldError, Problem, invalid, not_found


def owner_of(reader: Reader) -> UUID | None:
    """Whose agents' endpoints a person manages: everybody's (None), or only their own."""
    return None if "administer" in reader.permissions else reader.person_id


def listed(*, reader: Reader, agent: UUID | None = None) -> list[EndpointRow]:
    """The endpoints that the person manages, the newest first; of one agent where it is given."""
    return lists.endpoints(workspace=reader.workspace_id, owner=owner_of(reader), agent=agent)


def row_of(*, reader: Reader, endpoint: UUID) -> EndpointRow:
    """One endpoint, with what people see of it.

    Raises:
        Problem: 404, whether it is absent or somebody else's.
    """
    found = lists.endpoints(
        workspace=reader.workspace_id, owner=owner_of(reader), endpoint=endpoint
    )
    if not found:
        raise not_found()
    return found[0]


def managed(*, reader: Reader, endpoint: UUID) -> Endpoint:
    """One endpoint, to change it; Problem as `row_of`."""
    row = row_of(reader=reader, endpoint=endpoint)
    return Endpoint.objects.select_related("workspace").get(id=row.id)


def callback_of(*, reader: Reader, callback: UUID) -> Callback:
    """A callback of an endpoint that the person manages; Problem 404 for every other."""
    found = Callback.objects.filter(id=callback, workspace_id=reader.workspace_id).first()
    if found is None:
        raise not_found()
    row_of(reader=reader, endpoint=found.endpoint_id)
    return found


def agents_of(*, reader: Reader, limit: int) -> list[Agent]:
    """The agents whose endpoints the person manages, by name."""
    found = Agent.objects.filter(workspace_id=reader.workspace_id)
    owner = owner_of(reader)
    if owner is not None:
        found = found.filter(owner_id=owner)
    return list(found.order_by("name")[:limit])


def agent_of(*, reader: Reader, agent: UUID) -> Agent:
    """An agent that the person may give an endpoint.

    Raises:
        Problem: 422 at ``/agent`` for every other.
    """
    owner = owner_of(reader)
    found = Agent.objects.select_related("workspace").filter(
        id=agent, workspace_id=reader.workspace_id
    )
    if owner is not None:
        found = found.filter(owner_id=owner)
    one = found.first()
    if one is None:
        raise unknown_agent()
    return one


def unknown_agent() -> Problem:
    """422 at ``/agent``, in the same words for what is no id and for somebody else's agent."""
    return invalid([FieldError("/agent", "unknown_agent", "You manage no agent of this id here.")])
