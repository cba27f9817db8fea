"""What every kind of event is: a struct that names itself."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct


class Data(Struct, frozen=True, kw_only=True, omit_defaults=False):
    """The data of one kind of event; ``KIND`` is its name in the log."""

    KIND: ClassVar[str]
