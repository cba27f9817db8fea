"""What a callback may tell of: the spelling of its type, which an endpoint may ask for."""

from __future__ import annotations

from typing import Final

#: How a request ended, under ``request.<status>``, and what happens beside that.
OF_REQUESTS: Final = (
    "request.approved",
    "request.rejected",
    "request.answered",
    "request.expired",
    "request.cancelled",
    "request.returned",
    "request.revoked",
)
TEST: Final = "endpoint.test"
DISABLED: Final = "endpoint.disabled"
#: What an endpoint may choose from.
TYPES: Final = (*OF_REQUESTS, DISABLED)
