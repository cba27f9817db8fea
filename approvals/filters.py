"""Which requests of an inbox: what an address says, read and checked, and the condition that it makes.

Title, action and the agent's name are searched, word by word from the beginning of each; a payload never is, so
that nothing sensitive is found by guessing.  A title shows sensitive values covered, and is searched as it shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final
from uuid import UUID

from approvals.status import Status
from core import durations, ids
from core.problems import bad_query
from policies.schema import ACTION_NAME, RISKS

WAITING: Final = "waiting"
PAST: Final = "past"
OUTCOMES: Final = tuple(status for status in Status.values if status != Status.PENDING)
STATES: Final = (WAITING, PAST, *OUTCOMES)
CLAIMED: Final = ("nobody", "me", "others")
MOST_VALUES: Final = 20
MOST_WORDS: Final = 12
MAX_TEXT: Final = 200
MAX_VALUE: Final = 200

_ACTION: Final = re.compile(rf"{ACTION_NAME}(\.\*)?")
_ID: Final = re.compile(r"\b(req|run)_[0-7][0-9a-z]{25}\b")
#: What parts words: everything of ASCII that is no letter and no digit (`approvals_words`, migration 0015).
_BETWEEN: Final = re.compile(r"[\x00-/:-@\[-`{-\x7f]+")

#: The words of a request, as migration 0015 indexes those that ended.
WORDS: Final = "approvals_words(r.title, r.action)"
#: What holds wherever a word is among them, and costs less to see.
_HOLDS: Final = "strpos(lower(left(r.title, 500) || ' ' || r.action), lower({})) > 0"


@dataclass(frozen=True, slots=True)
class Filters:
    """What is left of an inbox; empty fields leave everything.

    ``due``: the time left is at most this.  ``ended``: it ended at most this long ago.
    """

    state: tuple[str, ...] = ()
    risk: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    action: tuple[str, ...] = ()
    role: tuple[str, ...] = ()
    due: str = ""
    ended: str = ""
    claimed: str = ""
    q: str = ""

    @classmethod
    def of(cls, said: Mapping[str, Sequence[str]]) -> Filters:
        """What an address says: several values by repeating a name, or with commas between them.

        Raises:
            Problem: 422, naming the parameter and what it takes.
        """
        found: dict[str, Any] = {}
        for name, check in _CHECKS.items():
            values = [one for text in said.get(name, ()) if (one := text.strip())]
            if name in _MANY:
                split = [one.strip() for text in values for one in text.split(",")]
                found[name] = _many(name, [one for one in split if one], check)
            elif values:
                found[name] = _one(name, values[-1], check)
        if len(found.get("state", ())) > 1:  # named outcomes say more than "past"
            found["state"] = tuple(one for one in found["state"] if one != PAST)
        made = cls(**found)
        made._agree()
        return made

    def _agree(self) -> None:
        if WAITING in self.state and len(self.state) > 1:
            raise bad_query("state", "Either waiting, or outcomes.")
        if self.past and (self.due or self.claimed):
            named = "due" if self.due else "claimed"
            raise bad_query(named, "Only of requests that wait.")
        if self.ended and not self.past:
            raise bad_query("ended", "Only of past requests: add state=past.")

    @property
    def past(self) -> bool:
        """Whether requests are wanted that have ended, rather than those that wait."""
        return bool(self.state) and self.state != (WAITING,)

    @property
    def names_request(self) -> bool:
        """Whether the text has the id of a request: it is found in whichever state it is."""
        return any(prefix == "req" for prefix, _ in self.ids)

    @property
    def ids(self) -> tuple[tuple[str, UUID], ...]:
        """The ids of requests and runs in the text, by prefix: then nothing but they is looked for."""
        return tuple((match[1], ids.decode(match[1], match[0])) for match in _ID.finditer(self.q))

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the text; each must begin a word of the request or of its agent's name.

        None beside an id: a pasted link has words of its own, which stand in no request.
        """
        return () if _ID.search(self.q) else _words(self.q)

    def pairs(self) -> list[tuple[str, str]]:
        """The same as an address says it: names and values, in one order, each value once."""
        said: list[tuple[str, str]] = []
        for one in fields(self):
            value = getattr(self, one.name)
            listed = value if isinstance(value, tuple) else (value,) if value else ()
            said += [(one.name, each) for each in listed]
        return said


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in _BETWEEN.split(text) if word))


def _many(name: str, values: Sequence[str], check: Callable[[str], str]) -> tuple[str, ...]:
    if len(values) > MOST_VALUES:
        raise bad_query(name, f"At most {MOST_VALUES} values.")
    return tuple(dict.fromkeys(_one(name, value, check) for value in values))


def _one(name: str, value: str, check: Callable[[str], str]) -> str:
    if "\x00" in value:
        raise bad_query(name, "No NUL characters.")
    try:
        return check(value)
    except ValueError as error:
        raise bad_query(name, str(error)) from None


def _among(known: Sequence[str]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in known:
            raise ValueError(f"One of {', '.join(known)}.")
        return value

    return check


def _named(value: str) -> str:
    if len(value) > MAX_VALUE:
        raise ValueError(f"At most {MAX_VALUE} characters.")
    return value


def _action(value: str) -> str:
    if not _ACTION.fullmatch(value):
        raise ValueError("An action, such as payments.refund, or payments.* for all that begin so.")
    return _named(value)


def _duration(value: str) -> str:
    durations.parse(value)
    return value


def _text(value: str) -> str:
    if len(value) > MAX_TEXT:
        raise ValueError(f"At most {MAX_TEXT} characters.")
    named, words = list(_ID.finditer(value)), _words(value)
    if not words:
        raise ValueError("Give a letter or a digit to look for.")
    if len(words) > MOST_WORDS and not named:
        raise ValueError(f"At most {MOST_WORDS} words.")
    for match in named:
        try:
            ids.decode(match[1], match[0])
        except ids.BadId:
            raise ValueError(f"{match[0]} is no id: check the spelling.") from None
    return value


_MANY: Final = frozenset({"state", "risk", "agent", "action", "role"})
_CHECKS: Final[Mapping[str, Callable[[str], str]]] = {
    "state": _among(STATES),
    "risk": _among(RISKS),
    "agent": _named,
    "action": _action,
    "role": _named,
    "due": _duration,
    "ended": _duration,
    "claimed": _among(CLAIMED),
    "q": _text,
}
NAMES: Final = tuple(_CHECKS)


@dataclass(frozen=True, slots=True)
class Meant:
    """What the names in some filters mean in one workspace, looked up before the search itself."""

    agents: tuple[UUID, ...]
    roles: tuple[UUID, ...]
    #: For each word, the agents whose name it is in.
    by_word: tuple[tuple[UUID, ...], ...]


#: A name may have commas, at which a filter's values part: both sides are compared without the spaces around them.
_AGENTS: Final = r"""
SELECT id FROM agents_agent
 WHERE workspace_id = %(workspace)s
   AND btrim(regexp_replace(name, '\s*(,\s*)+', ',', 'g'), ', ') = ANY(%(names)s::text[])
"""
_ROLES: Final = """
SELECT id FROM people_role WHERE workspace_id = %(workspace)s AND name = ANY(%(names)s::text[])
"""
_BY_WORD: Final = """
SELECT word.number, agent.id
  FROM unnest(%(words)s::text[]) WITH ORDINALITY AS word (said, number)
  JOIN agents_agent agent ON approvals_words(agent.name, '') @@ lower(word.said)::tsquery
 WHERE agent.workspace_id = %(workspace)s
"""


def meant(conn: Any, workspace: UUID, chosen: Filters) -> Meant:
    """The agents and roles that some filters name, in a workspace; unknown names mean nobody."""
    agents: list[UUID] = []
    roles: list[UUID] = []
    by_word: list[list[UUID]] = [[] for _ in chosen.words]
    if chosen.agent:
        values = {"workspace": workspace, "names": _runs(chosen.agent)}
        agents = [row[0] for row in conn.execute(_AGENTS, values)]
        agents += [found for one in chosen.agent if (found := _id("agt", one)) is not None]
    if chosen.role:
        values = {"workspace": workspace, "names": list(chosen.role)}
        roles = [row[0] for row in conn.execute(_ROLES, values)]
    if chosen.words:
        values = {"workspace": workspace, "words": [_query([word]) for word in chosen.words]}
        for number, agent in conn.execute(_BY_WORD, values):
            by_word[number - 1].append(agent)
    return Meant(tuple(agents), tuple(roles), tuple(tuple(found) for found in by_word))


def _runs(names: Sequence[str]) -> list[str]:
    """Each of them, and every run of neighbours as one name that has commas."""
    count = len(names)
    return [
        ",".join(names[begin:end]) for begin in range(count) for end in range(begin + 1, count + 1)
    ]


def _id(prefix: str, text: str) -> UUID | None:
    try:
        return ids.decode(prefix, text)
    except ids.BadId:
        return None


def _query(words: Sequence[str]) -> str:
    """A query of `tsquery`'s own grammar: every word, from its beginning.  No word holds a quote."""
    return " & ".join(f"'{word}':*" for word in words)


def condition(chosen: Filters, means: Meant, person: UUID) -> tuple[str, dict[str, Any]]:
    """The condition on request ``r`` of ``agent`` that some filters make, and its parameters.

    What they say of the state, and of when it ended, is not among it: that also bounds what is looked at.
    """
    parts: list[str] = []
    values: dict[str, Any] = {}

    def add(part: str, **given: Any) -> None:
        parts.append(part)
        values.update(given)

    if chosen.risk:
        add("r.risk = ANY(%(risks)s::text[])", risks=list(chosen.risk))
    if chosen.agent:
        add("r.agent_id = ANY(%(agents)s::uuid[])", agents=list(means.agents))
    if chosen.role:
        add("r.roles && %(asked)s::uuid[]", asked=list(means.roles))
    if chosen.action:
        add(_ACTIONS, **_action_values(chosen.action))
    if chosen.due:
        span = durations.parse(chosen.due)
        add("r.expires_at <= clock_timestamp() + %(due)s::interval", due=span)
    if chosen.claimed:
        add(_CLAIMS[chosen.claimed], person=person)
    for prefix, found in chosen.ids:
        column = "r.id" if prefix == "req" else "r.run_id"
        name = f"id{len(values)}"
        add(f"{column} = %({name})s", **{name: found})
    _add_words(chosen, means, add)
    return " AND ".join(parts) or "true", values


def _add_words(chosen: Filters, means: Meant, add: Callable[..., None]) -> None:
    """Words that no agent's name has go into one query: the index answers that best.

    A row that does not even hold a word is passed over before words are made of it.
    """
    plain = [word for word, found in zip(chosen.words, means.by_word, strict=True) if not found]
    if plain:
        for number, word in enumerate(plain):
            add(_HOLDS.format(f"%(plain{number})s"), **{f"plain{number}": word})
        add(f"{WORDS} @@ lower(%(words)s)::tsquery", words=_query(plain))
    for number, (word, found) in enumerate(zip(chosen.words, means.by_word, strict=True)):
        if found:
            add(
                f"({WORDS} @@ lower(%(word{number})s)::tsquery "
                f"OR r.agent_id = ANY(%(named{number})s::uuid[]))",
                **{f"word{number}": _query([word]), f"named{number}": list(found)},
            )


#: These actions, and the same said in words, which the index answers.
_ACTIONS: Final = (
    "(r.action = ANY(%(actions)s::text[]) OR r.action LIKE ANY(%(below)s::text[])) "
    f"AND {WORDS} @@ %(action_words)s::tsquery"
)


def _action_values(actions: Sequence[str]) -> dict[str, Any]:
    exact = [one for one in actions if not one.endswith(".*")]
    stems = [one.removesuffix("*") for one in actions if one.endswith(".*")]
    words = " | ".join(f"({_query(_words(one))})" for one in (*exact, *stems))
    below = [stem.replace("_", r"\_") + "%" for stem in stems]
    return {"actions": exact, "below": below, "action_words": words}


_CLAIMS: Final = {
    "nobody": "r.claimed_by_id IS NULL",
    "me": "r.claimed_by_id = %(person)s",
    "others": "r.claimed_by_id <> %(person)s",
}
