"""The comparison of a request with what was told of it, against everything that may come between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from notifications.lining_up import Changes, New, Sent, Told, World, line_up
from notifications.routes import Reach, Tried

NAME = UUID(int=7)
WORKSPACE, APP, REQUEST = (uuid5(NAME, name) for name in ("workspace", "app", "request"))
PEOPLE = [uuid5(NAME, name) for name in ("ana", "ben", "caro")]
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def reaches() -> st.SearchStrategy[Reach]:
    """Somebody who can be reached by any of the channels, and chose some, or none."""
    chosen = st.none() | st.lists(
        st.sampled_from(["slack", "email", "push"]), min_size=1, unique=True
    ).map(tuple)
    return st.builds(
        lambda slack, email, push, chosen, digest: Reach(
            PEOPLE[0], ((APP, "U0"),) if slack else (), email, push, chosen, digest=digest
        ),
        st.booleans(),
        st.booleans(),
        st.booleans(),
        chosen,
        st.sampled_from(["none", "hourly"]),
    )


#: What happens between two comparisons: to each message that waits, and to the request.
fates = st.sampled_from(["sent", "failed", "failing", "pending"])
rounds = st.lists(
    st.tuples(
        st.lists(fates, min_size=8, max_size=8),
        st.sets(st.sampled_from(PEOPLE)),
        st.integers(0, 1),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


def told(asked: set[UUID], stage: int, *, pending: bool) -> Told:
    return Told(
        request=REQUEST,
        workspace=WORKSPACE,
        sequence=1,
        risk="medium",
        revision=1,
        stage=stage,
        pending=pending,
        expires_at=NOW + timedelta(hours=8),
        asked=dict.fromkeys(sorted(asked), ("lead",)) if pending else {},
        roles=("lead",) if pending and asked else (),
        places={"lead": "C0DESK"},
        owner=None if pending else PEOPLE[2],
    )


@given(st.lists(reaches(), min_size=3, max_size=3), rounds)
def test_whoever_is_asked_is_told_by_something_that_works_and_nothing_twice(
    reach: list[Reach], rounds: Sequence[tuple[list[str], set[UUID], int, bool]]
) -> None:
    people = dict(zip(PEOPLE, reach, strict=True))
    world = World(people, {WORKSPACE: [(APP, "T0")]}, frozenset({WORKSPACE}), {}, {}, NOW)
    there: list[Sent] = []
    ended = False
    for fate, asked, stage, goes_on in rounds:
        ended = ended or not goes_on
        now = told(asked, stage, pending=not ended)
        for _ in range(4):  # each failure is one more comparison
            changes = Changes()
            line_up(now, there, world, changes)
            there = withdrawn(there, changes)
            there += [stored(one, len(there) + at) for at, one in enumerate(changes.new)]
            there = [happened(one, fate[at % len(fate)]) for at, one in enumerate(there)]
            keys = [key(one) for one in there]
            assert len(keys) == len(set(keys))
        changes = Changes()
        line_up(now, there, world, changes)
        if not now.pending:
            assert not changes.unreached
            assert all(one.kind == "outcome" for one in changes.new)
            continue
        heard = any(works(one, now) for one in there) or bool(changes.new)
        assert bool(changes.unreached) == (not heard)
        for person in now.asked:
            own = [one for one in there if one.person == person and works(one, now)]
            ways = {c for c in ("slack", "email", "push") if people[person].has(c)}
            tried = {one.channel for one in there if one.person == person and current(one, now)}
            assert own or ways <= tried | {
                one.channel for one in changes.new if one.person == person
            }


def current(one: Sent, now: Told) -> bool:
    return one.kind == "asked" and (one.revision, one.stage) == (now.revision, now.stage)


def works(one: Sent, now: Told) -> bool:
    return current(one, now) and Tried(one.channel, one.state, one.failing_since).works(NOW)


def stored(new: New, number: int) -> Sent:
    return Sent(
        id=uuid5(NAME, str(number)),
        request=REQUEST,
        kind=new.kind,
        channel=new.channel,
        person=new.person,
        role=new.role,
        revision=new.told.revision,
        stage=new.told.stage,
        state="pending",
        failing_since=None,
        lane=None,
        other=new.other,
        wanted=1,
        digest=new.digest,
        under=new.under,
        message=new.message,
    )


def withdrawn(there: list[Sent], changes: Changes) -> list[Sent]:
    gone = set(changes.withdrawn)
    return [change(one, "withdrawn") if one.id in gone else one for one in there]


def happened(one: Sent, fate: str) -> Sent:
    if one.state != "pending":
        return one
    if fate == "failing":
        return change(one, "pending", NOW - timedelta(minutes=1))
    return change(one, fate)


def change(one: Sent, state: str, failing: datetime | None = None) -> Sent:
    values = {name: getattr(one, name) for name in Sent.__slots__}
    return Sent(**(values | {"state": state, "failing_since": failing}))


def key(one: Sent) -> tuple[object, ...]:
    return one.kind, one.channel, one.revision, one.stage, one.person, one.role, one.other
