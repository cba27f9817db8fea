"""Costs as programs tell them: numbers in JSON, six exact decimals in the database."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

_MICRO: Final = Decimal("0.000001")


def micro(cost: float | None) -> Decimal | None:
    """A cost to six decimals, as it was written; none stays none."""
    return None if cost is None else Decimal(repr(cost)).quantize(_MICRO)
