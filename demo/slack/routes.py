"""What the page's addresses do: show it, and let the person who is chosen act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, urlencode

from demo.slack import entries
from demo.slack.page import DIRECT, FILES, HOME, POLICY, Shown
from demo.slack.people import People
from demo.slack.server import Page
from demo.slack.state import Message, Team, User, View

Form = dict[str, list[str]]
Found = TypeVar("Found")


class _Nothing(Exception):
    """What an address or a form names is not there."""


class Routes:
    """The page over a double; `notes` says to each person what Slack did not let them do."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.notes: dict[str, str] = {}

    def __call__(self, method: str, path: str, query: str, body: str) -> Page:
        """Answer a request to anything but the API."""
        try:
            if method == "GET":
                return self._get(path, parse_qs(query))
            return self._post(path, parse_qs(body, keep_blank_values=True))
        except _Nothing:
            return Page(404, "text/plain; charset=utf-8", "There is nothing here.")

    def _get(self, path: str, query: Form) -> Page:
        if path in FILES:
            return Page(200, *FILES[path])
        if path == "/favicon.ico":
            return Page(204, "image/x-icon", "")
        if path != "/":
            raise _Nothing
        if not self.people.state.teams:
            return Page(200, "text/plain; charset=utf-8", "There is no workspace yet.")
        team, user = self._who(query)
        with self.people.held():
            place = _one(query, "in") or next(iter(team.channels), DIRECT)
            if place not in (HOME, DIRECT) and place not in team.channels:
                raise _Nothing
            shown = Shown(self.people, team, user, place, self.notes.get(user.id, ""))
            return Page(200, "text/html; charset=utf-8", shown.html(), policy=POLICY)

    def _post(self, path: str, form: Form) -> Page:
        act = _ACTS.get(path)
        if act is None:
            raise _Nothing
        team, user = self._who(form)
        self.notes.pop(user.id, None)
        try:
            act(self.people, team, user, form)
        except ValueError as error:
            self.notes[user.id] = f"Slack did not send this: {error}"
        back = {name: _one(form, name) for name in ("team", "as", "in")}
        return Page(303, "text/plain; charset=utf-8", "", f"/?{urlencode(back)}")

    def _who(self, form: Form) -> tuple[Team, User]:
        teams = self.people.state.teams
        team = _find(teams, _one(form, "team") or next(iter(teams)))
        return team, _find(team.users, _one(form, "as") or next(iter(team.users), ""))


def _press(people: People, team: Team, user: User, form: Form) -> None:
    where = _where(team, form)
    blocks = where.body["blocks"] if isinstance(where, View) else where.blocks
    block, action = _one(form, "block"), _one(form, "action")
    for held, element in entries.elements(blocks):
        if (held["block_id"], element["action_id"]) == (block, action):
            several = element["type"] in entries.SEVERAL
            value = form.get("value", []) if several else _one(form, "value")
            people.press(team, user, where, action, value, block=block)
            return
    raise ValueError("this button is not there any more")


def _submit(people: People, team: Team, user: User, form: Form) -> None:
    view = _own(team, user, form)
    values: dict[str, Any] = {}
    for block, element in entries.elements(view.body["blocks"]):
        name = f"v.{block['block_id']}.{element['action_id']}"
        if name in form:
            several = element["type"] in entries.SEVERAL
            values[element["action_id"]] = form[name] if several else _one(form, name)
    people.submit(view, values)


def _close(people: People, team: Team, user: User, form: Form) -> None:
    people.close_view(_own(team, user, form))


def _say(people: People, team: Team, user: User, form: Form) -> None:
    """Write; what begins with a slash is a command, as in Slack."""
    text = _one(form, "text").strip()
    channel = _channel(team, user, form)
    if not text:
        raise ValueError("there is nothing to send")
    if text.startswith("/") and not _one(form, "thread"):
        name, _, rest = text.partition(" ")
        people.command(team, user, channel, name, rest.strip())
    else:
        people.say(team, user, channel, text, _one(form, "thread") or None)


def _home(people: People, team: Team, user: User, form: Form) -> None:
    people.open_home(team, user)


_ACTS: Final[dict[str, Callable[[People, Team, User, Form], None]]] = {
    "/press": _press,
    "/submit": _submit,
    "/close": _close,
    "/say": _say,
    "/home": _home,
}


def _where(team: Team, form: Form) -> Message | View:
    if _one(form, "view"):
        return _find(team.views, _one(form, "view"))
    return _find(_find(team.channels, _one(form, "channel")).messages, _one(form, "message"))


def _own(team: Team, user: User, form: Form) -> View:
    view = _find(team.views, _one(form, "view"))
    if view.user != user.id:
        raise ValueError("this form is not open before you")
    return view


def _channel(team: Team, user: User, form: Form) -> str:
    """The channel's id; a person's own stands for their direct message."""
    place = _one(form, "in")
    return user.id if place == DIRECT else _find(team.channels, place).id


def _one(form: Form, name: str) -> str:
    return form.get(name, [""])[0]


def _find(there: Mapping[str, Found], name: str) -> Found:
    if name not in there:
        raise _Nothing
    return there[name]
