"""The database's clock in ORM statements: the only clock that deadlines and validity know."""

from __future__ import annotations

from django.db.models import DateTimeField, Func


class ClockTimestamp(Func):
    """``clock_timestamp()``: the instant of evaluation, not the transaction's start as ``now()`` is."""

    function = "clock_timestamp"
    output_field = DateTimeField()
