"""What owners must notice: endpoints that were disabled, approvals that came to nothing known."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from approvals import unsettled
from oversight import attention
from oversight.channels import trouble
from pages.notices import channel_lines, ended, stopped
from pages.views.problems import told
from pages.visitor import Visitor, signed_in


@require_safe
@signed_in
@told
def attention_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The last seven days, by what is to be done about it."""
    lapsed = unsettled.lapsed(reader=visitor.reader)
    untold = unsettled.untold(reader=visitor.reader)
    channels = trouble(reader=visitor.reader)
    context = {
        "shell": visitor.shell,
        "disabled": [stopped(one) for one in attention.disabled(reader=visitor.reader)],
        "lapsed": [ended(one) for one in lapsed],
        "untold": [ended(one) for one in untold],
        "channels": channel_lines(channels),
        "no_channel": channels.none,
        "clock": attention.clock(reader=visitor.reader),
        "most_of_an_agent": unsettled.MOST_OF_AN_AGENT,
    }
    return render(request, "pages/attention.html", context)
