"""How templates write hostile text, instants and time left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from approvals import words
from approvals.edit_form import Field
from core import durations, ids
from core import visible as seeing
from pages.places import Frame, frame
from pages.visitor import Shell

register = template.Library()


@register.filter
def visible(text: str) -> SafeString:
    """Text of several lines: escaped, isolated from its neighbours, what hides made plain."""
    return _visible(text, one_line=False)


@register.filter
def line(text: str) -> SafeString:
    """The same for one line (titles, names, keys): line breaks and tabs are marked too."""
    return _visible(text, one_line=True)


@register.filter
def bare(text: str) -> str:
    """The same without markup, for titles and attributes; escaped by the template as ever."""
    return seeing.plain(text, one_line=True)


@register.filter
def thousands(number: int) -> str:
    """A count as people read it: ``4,321``."""
    return f"{number:,}"


@register.filter
def req_id(request: UUID) -> str:
    """The id of a request as addresses have it."""
    return ids.encode("req", request)


@register.filter
def hides(text: str) -> str:
    """What a text hides, in one sentence; empty when nothing."""
    found = seeing.marks(text)
    if not found:
        return ""
    listed = list(dict.fromkeys(f"{piece.mark} ({piece.note})" for piece in found))
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    return "; ".join(listed[:5]) + more


@register.filter
def typed(kept: Mapping[str, str], name: str) -> str:
    """What somebody had typed into a field before the form was refused."""
    return kept.get(name, "")


@register.filter
def typed_or(kept: Mapping[str, str], field: Field) -> str:
    """The same, or what stands there where nothing was refused."""
    return kept.get(field.name, field.value)


@register.simple_tag
def places(shell: Shell) -> Frame:
    """Where the frame leads this person."""
    return frame(shell)


@register.simple_tag
def left(until: datetime, now: datetime, suffix: str = "") -> SafeString:
    """Time left, which a script may keep running."""
    remaining = until - now
    said = durations.span(remaining)
    shown = said + suffix if remaining > timedelta(0) else said
    urgent = " soon" if remaining < words.SOON else ""
    return format_html(
        '<time class="left{}" datetime="{}" data-ends="{}">{}</time>',
        urgent,
        _iso(until),
        suffix,
        shown,
    )


@register.filter
def clock(at: datetime) -> SafeString:
    """An instant: hours and minutes today, the date too otherwise; UTC until a script knows better."""
    at = at.astimezone(timezone.get_default_timezone())
    today = at.date() == timezone.now().date()
    shown = at.strftime("%H:%M UTC") if today else at.strftime("%-d %b %Y, %H:%M UTC")
    return format_html('<time datetime="{}" data-at>{}</time>', _iso(at), shown)


@register.filter
def wall(at: datetime) -> SafeString:
    """An instant as a clock on the wall shows it, in the zone that it comes in."""
    return format_html('<time datetime="{}">{}</time>', _iso(at), f"{at:%a %-d %b %Y, %H:%M}")


@register.simple_tag
def instant_now() -> str:
    """The server's time, from which a script runs its clocks."""
    return _iso(timezone.now())


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _visible(text: str, *, one_line: bool) -> SafeString:
    pieces = seeing.segments(text, one_line=one_line)
    if len(pieces) == 1 and pieces[0].mark is None:  # nearly always, hundreds of times a page
        return format_html('<bdi dir="auto">{}</bdi>', text)
    shown = format_html_join("", "{}", ((_piece(piece),) for piece in pieces))
    return format_html('<bdi dir="auto">{}</bdi>', shown)


def _piece(piece: seeing.Segment) -> str | SafeString:
    if piece.mark is None:
        return piece.text
    if piece.kind == "hidden":
        return format_html('<mark class="hidden-char" title="{}">{}</mark>', piece.note, piece.mark)
    return format_html(
        '<span class="twin-word">{}</span><mark class="twin" title="{}">{}</mark>',
        piece.text,
        piece.note,
        piece.mark,
    )
