"""Endpoints and their callbacks."""

from __future__ import annotations

from audit.kinds.base import Data


class EndpointCreated(Data, frozen=True, kw_only=True):
    """Commits to ``url``."""

    KIND = "endpoint.created"
    agent: str
    events: list[str]


class EndpointChanged(Data, frozen=True, kw_only=True):
    """``changed`` names what: never a value.  Commits to ``url`` where that changed."""

    KIND = "endpoint.changed"
    changed: list[str]


class EndpointEnabled(Data, frozen=True, kw_only=True):
    KIND = "endpoint.enabled"


class EndpointDisabled(Data, frozen=True, kw_only=True):
    """By hand, by the receiver's 410, or after days of nothing but failures."""

    KIND = "endpoint.disabled"
    reason: str


class EndpointDeleted(Data, frozen=True, kw_only=True):
    KIND = "endpoint.deleted"


class EndpointKeyRotated(Data, frozen=True, kw_only=True):
    KIND = "endpoint.key_rotated"
    until: str


class CallbacksReplayed(Data, frozen=True, kw_only=True):
    """Somebody had callbacks sent again: ``one``, ``failed`` or ``missing``."""

    KIND = "callbacks.replayed"
    which: str
    count: int


class CallbackExhausted(Data, frozen=True, kw_only=True):
    """Every try to deliver a callback failed."""

    KIND = "callback.exhausted"
    callback: str
    type: str
    attempts: int
