"""The page that the one link of a mail opens.

Opening it changes nothing, whoever or whatever opens it: scanners and previews do, with scripts.  Where
policy lets a mail decide (``assurance: link``), the page shows all that is asked and takes one choice
that was made by hand; elsewhere it only leads to the request's page, for whom the mail was written to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from approvals import present, read, words
from approvals.access import Reader
from approvals.assurance import decided_in
from approvals.choices import choice
from approvals.decide import decide
from approvals.frozen import decode as decode_plan
from approvals.row import Row
from approvals.shown import row_digest
from approvals.status import Kind, Status
from audit.actor import Actor
from core import ids
from core.problems import Problem
from notifications.mail import links
from notifications.mail.links import Link
from notifications.viewing import viewed
from pages.detail import Detail, decode, detail
from pages.forms import LinkForm
from pages.standing import members_of, names_by_role, roles_of, standing
from pages.views.showing import SeeOther
from people.models import Person, User
from people.permissions import permissions_of

#: Every decision made here says so, and what a link proves: that the mail arrived.
CHANNEL: Final = "email"
ASSURANCE: Final = "link"
#: Nothing of the address, which is the secret, goes on to another page, a cache or a search engine.
HEADERS: Final = {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
_CHANGED: Final = (
    "The request was changed after this mail was written, so what you would decide on is not what it "
    "says. Whoever is asked now has another mail."
)
_MOVED: Final = "This step of it is over: the request has moved on since the mail was written."
_LATE: Final = "Its deadline has passed."

View = Callable[[HttpRequest, str], HttpResponse]


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that opens something: the person as services read for them, and the request as it stands."""

    token: str
    link: Link
    reader: Reader
    row: Row


@dataclass(frozen=True, slots=True)
class Tried:
    """What the page has to say about what was just tried."""

    status: int = 200
    wrong: str = ""
    kept: Mapping[str, str] = field(default_factory=dict)


def _sealed(view: View) -> View:
    """With the headers of such a page on every answer, and its check of where a form came from.

    Browsers send ``Origin: null`` with a form of a page that gives no referrer (Fetch, “append a request
    Origin header”), which Django takes for a foreign page.  The form's token and cookie are looked at
    all the same; any other origin but ours is refused as ever.
    """
    protected = csrf_protect(view)

    @csrf_exempt  # of the middleware's check, which knows no such page: `protected` makes it
    @wraps(view)
    def sealed(request: HttpRequest, token: str) -> HttpResponse:
        if request.META.get("HTTP_ORIGIN") == "null":
            request.META["HTTP_ORIGIN"] = settings.CSRF_TRUSTED_ORIGINS[0]
        try:
            response = protected(request, token)
        except Problem as problem:  # the database is away
            context = {"problem": problem}
            response = render(request, "pages/problem.html", context, status=problem.status)
        for name, value in HEADERS.items():
            response.headers[name] = value
        return response

    return sealed


@require_http_methods(["GET", "HEAD", "POST"])
@_sealed
def link_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show what the link leads to, or with a POST count the one choice that it may carry."""
    link = links.find(token)
    if link is None:
        return _over(request, 404)
    if not link.live:
        return _over(request, 410)
    user = request.user if isinstance(request.user, User) and request.user.is_active else None
    if user is not None and user.id != link.user:
        return render(request, "pages/mail_other.html", status=403)
    opened = _open(token, link)
    if opened is None:
        return _over(request, 410)
    if not _decides(opened):
        return _lead_on(opened, signed_in=user is not None)
    why = _why_over(opened)
    if user is not None and request.method != "POST" and (link.used or why is not None):
        return _lead_on(opened, signed_in=True)
    if link.used:
        return _over(request, 410, used=request.method == "POST")
    if why is not None:
        return render(request, "pages/mail_over.html", {"why": why}, status=410)
    if request.method == "POST":
        return _decide(request, opened)
    return _card(request, opened, Tried())


def _open(token: str, link: Link) -> Opened | None:
    """What the link's person sees; None where that is nothing any more."""
    person = Person.objects.select_related("user", "workspace").get(id=link.person)
    reader = Reader(
        workspace_id=link.workspace,
        person_id=link.person,
        user_id=link.user,
        name=link.name,
        permissions=permissions_of(person.user, person.workspace),
    )
    try:
        row = read.for_person(reader=reader, request_id=link.request)
    except Problem as problem:
        if problem.status != 404:
            raise
        return None
    return Opened(token, link, reader, row)


def _decides(opened: Opened) -> bool:
    """Whether policy lets this mail decide; a question is answered on its page alone."""
    asks = opened.link.asks and opened.row.kind == Kind.REQUEST
    return asks and decided_in(decode_plan(opened.row.plan), CHANNEL)


def _lead_on(opened: Opened, *, signed_in: bool) -> HttpResponse:
    """To the request's page, which its reader sees signed in."""
    there = reverse("request", args=[ids.encode("req", opened.row.id)])
    return SeeOther(there if signed_in else f"{reverse('sign_in')}?{urlencode({'next': there})}")


def _over(request: HttpRequest, status: int, *, used: bool = False) -> HttpResponse:
    """The one page for every link that opens nothing: it says nothing about any request."""
    return render(request, "pages/mail_over.html", {"used": used}, status=status)


def _why_over(opened: Opened) -> str | None:
    """Why what the mail asked about cannot be decided by it any more; None where it can.

    A courtesy: `approvals.decide` looks again under its locks, and only that counts.
    """
    row, link = opened.row, opened.link
    if row.status != Status.PENDING:
        return f"The request has ended: {row.status}."
    if row.revision != link.revision:
        return _CHANGED
    if row.stage != link.stage:
        return _MOVED
    return _LATE if row.expires_at <= timezone.now() else None


def _decide(request: HttpRequest, opened: Opened) -> HttpResponse:
    """Count the choice, once; or say plainly that nothing was decided."""
    viewed(person=opened.link.person, request=opened.row.id)
    form = LinkForm(request.POST, comment_rule=decode_plan(opened.row.plan).comment)
    kept = {name: str(request.POST.get(name, "")) for name in ("verdict", "comment")}
    if not form.is_valid():
        return _card(request, opened, Tried(422, form.said(), kept))
    # Of several that arrive together one goes on; it gives the link back where nothing was decided.
    if not links.use(opened.link):
        return _over(request, 410, used=True)
    try:
        rendered = _count(opened, form.cleaned_data)
    except Problem as problem:
        links.give_back(opened.link)
        return _refused(request, opened, problem, kept)
    except BaseException:
        links.give_back(opened.link)
        raise
    return _done(request, rendered, form.cleaned_data["verdict"])


def _count(opened: Opened, chosen: Mapping[str, Any]) -> bytes:
    return decide(
        actor=Actor.person(opened.link.person, channel=CHANNEL),
        reader=opened.reader,
        request_id=opened.row.id,
        chosen=choice(
            verdict=chosen["verdict"],
            stage=chosen["stage"],
            payload_digest=chosen["payload_digest"],
            comment=chosen["comment"],
            channel=CHANNEL,
            assurance=ASSURANCE,
            shown_digest=row_digest(opened.row, CHANNEL),
        ),
    )


def _refused(
    request: HttpRequest, opened: Opened, problem: Problem, kept: Mapping[str, str]
) -> HttpResponse:
    """The card as it stands now with what to mend, or why there is nothing to decide by this mail."""
    now = _open(opened.token, opened.link)
    if problem.status == 404 or now is None:
        return _over(request, 410)
    why = _why_over(now)
    if why is not None:
        return render(request, "pages/mail_over.html", {"why": why}, status=problem.status)
    wrong = problem.errors[0].detail if problem.errors else problem.detail
    if "Nothing was decided" not in wrong:
        wrong = f"{wrong} Nothing was decided."
    return _card(request, now, Tried(problem.status, wrong, kept))


def _done(request: HttpRequest, rendered: bytes, verdict: str) -> HttpResponse:
    shown = decode(rendered)
    pending = shown.status == Status.PENDING
    context = {
        "done": words.done(verdict),
        "title": shown.title,
        "waits": pending,
        "means": "" if pending else words.outcome(shown.status, shown.basis)[1],
        "tone": "quiet" if pending else words.TONES.get(shown.status, "quiet"),
        "page_url": reverse("request", args=[shown.id]),
    }
    return render(request, "pages/mail_done.html", context)


def _card(request: HttpRequest, opened: Opened, tried: Tried) -> HttpResponse:
    """Everything that is asked, and the choice."""
    looked = _looked(opened)
    context = {
        "detail": looked,
        "by_link": True,
        "me": opened.link.name,
        "workspace_name": opened.row.workspace,
        "now": timezone.now(),
        "wrong": tried.wrong,
        "kept": tried.kept,
        "page_url": reverse("request", args=[looked.shown.id]),
        "here": reverse("mail_link", args=[opened.token]),
    }
    return render(request, "pages/mail_link.html", context, status=tried.status)


def _looked(opened: Opened) -> Detail:
    """The request as this person sees it, sensitive values covered."""
    plan = decode_plan(opened.row.plan)
    members = members_of(opened.row.workspace_id, roles_of(plan))
    return detail(
        decode(present.render(opened.row, for_person=True)),
        seen=standing(opened.row, plan, opened.reader, members, channel=CHANNEL),
        members=names_by_role(plan, members),
        whole=True,
    )
