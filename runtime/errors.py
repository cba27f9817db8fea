"""The one exception that reaches a human as a sentence instead of a traceback."""

from __future__ import annotations


class Refused(Exception):
    """Something on this machine stands in the way; the message says what, and what to do."""
