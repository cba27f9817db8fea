"""Calendars, written as programs write them."""

from __future__ import annotations

from datetime import datetime


def utc(at: datetime) -> str:
    return f"{at:%Y%m%dT%H%M%SZ}"


def event(begins: str, ends: str, *lines: str, summary: str = "", uid: str = "") -> str:
    """One event; begin and end as the format has them, with their parameters: ``:20261127T080000Z``."""
    said = [f"UID:{uid or f'{begins}-{summary}'}", "DTSTAMP:20260101T000000Z"]
    said += [f"DTSTART{begins}", f"DTEND{ends}", *lines]
    said += [f"SUMMARY:{summary}"] if summary else []
    return "\r\n".join(["BEGIN:VEVENT", *said, "END:VEVENT"])


def calendar(*parts: str) -> bytes:
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tests//EN"]
    return ("\r\n".join([*head, *parts, "END:VCALENDAR"]) + "\r\n").encode()
