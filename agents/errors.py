"""What the services of agents and keys refuse; see `people.errors`."""

from __future__ import annotations

from people.errors import Refusal


class AgentTaken(Refusal):
    """There is already an agent “{name}” in workspace “{slug}”: choose another name."""

    argument = "name"


class NoSuchAgent(Refusal):
    """Workspace “{slug}” has no agent “{name}”: create it with agent_create, or check the spelling."""

    argument = "agent"


class OwnerInactive(Refusal):
    """“{email}” was deactivated: an agent's owner must be somebody who can answer for it."""

    argument = "owner"


class NoSuchOwner(Refusal):
    """The owner must be an active person of this workspace: check the spelling."""

    argument = "owner"


class AgentRetired(Refusal):
    """Agent “{name}” is retired, which is final: create another agent."""

    argument = "agent"


class NoSuchKey(Refusal):
    """Workspace “{slug}” has no key “{id}”: the id is what key_create printed, such as key_01h4…."""

    argument = "id"


class BadRateLimit(Refusal):
    """A rate limit is a number of calls per minute from 1 to 1000000."""

    argument = "rate-limit"


class BadAction(Refusal):
    """An action's name has 1 to 120 characters, as the policy declares it."""

    argument = "action"


class BadScope(Refusal):
    """A key's scopes are one or more of {known}."""

    argument = "scope"


class BadOverlap(Refusal):
    """The old key goes on for 1 second to {days} days: 90s, 15m, 4h or 2d.  To end it at once, revoke it."""

    argument = "overlap"
