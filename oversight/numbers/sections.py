"""The sections of the numbers, by the name that API, pages, CSV and command share, and the tables in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias, cast, get_args, get_origin, get_type_hints

from msgspec import Meta, Struct

from approvals.access import Reader
from oversight.numbers import agents, ends, reviewers
from oversight.numbers.access import may_read_people, must_read
from oversight.numbers.measures import Took
from oversight.numbers.period import OfPeriod, Period, Wanted

Value: TypeAlias = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one shape: a member of a section's answer, and a CSV of this name."""

    name: str
    member: str
    title: str
    of: type[Struct]
    #: The columns that are read first; the others follow.
    first: tuple[str, ...] = ()

    def rows(self, found: OfPeriod) -> list[Struct]:
        """The rows of an answer."""
        return cast("list[Struct]", getattr(found, self.member))

    def columns(self) -> list[tuple[str, str]]:
        """The name and the title of each column; a list of counts is no column."""
        titled = _columns(self.of)
        found = [(name, titled[name]) for name in self.first]
        return found + [each for each in titled.items() if each[0] not in self.first]

    def cells(self, row: Struct) -> list[Value]:
        """The values of a row, in the order of the columns."""
        values = dict(_values(row))
        return [values[name] for name, _ in self.columns()]


@dataclass(frozen=True, slots=True)
class Section:
    """Numbers that are counted together."""

    name: str
    title: str
    says: str
    of: type[OfPeriod]
    count: Callable[[Wanted], OfPeriod]
    tables: tuple[Table, ...]
    #: Whether it is about single people: `oversight.numbers.access`.
    personal: bool = False


def counted(section: Section, *, reader: Reader, of: Period) -> OfPeriod:
    """What a section counts, as far as this person may see it.

    Raises:
        Problem: 403 who may not; otherwise as `oversight.numbers.period.counting` does.
    """
    if section.personal:
        person = None if may_read_people(reader) else reader.person_id
        return section.count(Wanted(reader.workspace_id, of, person))
    must_read(reader)
    return section.count(Wanted(reader.workspace_id, of))


SECTIONS: Final[Mapping[str, Section]] = {
    section.name: section
    for section in (
        Section(
            "latency",
            "Latency",
            "From the submit to the end, of requests that people ended.",
            ends.LatencyNumbers,
            ends.latency,
            (
                Table("latency", "actions", "By action", ends.ActionLatency),
                Table("latency_roles", "roles", "By role", ends.RoleLatency),
                Table("latency_channels", "channels", "By channel", ends.ChannelLatency),
            ),
        ),
        Section(
            "outcomes",
            "Outcomes",
            "What became of the requests that came.",
            ends.OutcomeNumbers,
            ends.outcomes,
            (
                Table("outcomes", "days", "By day", ends.DayOutcomes, ("day",)),
                Table(
                    "outcomes_actions",
                    "actions",
                    "By action",
                    ends.ActionOutcomes,
                    (
                        "action",
                        "submitted",
                        "auto_allowed_share",
                        "timeout_rate",
                        "expired_rate",
                    ),
                ),
            ),
        ),
        Section(
            "callbacks",
            "Callbacks",
            "Whether agents hear what became of their requests, and how late.",
            agents.CallbackNumbers,
            agents.delivered,
            (Table("callbacks", "endpoints", "By endpoint", agents.EndpointNumbers),),
        ),
        Section(
            "tools",
            "Runs and tools",
            "What agents tell of their runs, and of the tools and models they call.",
            agents.ToolNumbers,
            agents.tools,
            (
                Table("tools", "tools", "By tool and model", agents.CallNumbers, ("name",)),
                Table("runs", "agents", "By agent", agents.RunNumbers),
            ),
        ),
        Section(
            "versions",
            "Agent versions",
            "What people reject and edit, by agent and its version.",
            agents.AgentVersionNumbers,
            agents.versions,
            (Table("versions", "versions", "By version", agents.VersionNumbers),),
        ),
        Section(
            "reviewers",
            "Reviewers",
            "How much people decide, how fast, and whether they agree.",
            reviewers.ReviewersNumbers,
            reviewers.reviewers,
            (Table("reviewers", "reviewers", "By person", reviewers.ReviewerNumbers, ("name",)),),
            personal=True,
        ),
    )
}
#: Each table with its section, by the table's name.
TABLES: Final[Mapping[str, tuple[Section, Table]]] = {
    table.name: (section, table) for section in SECTIONS.values() for table in section.tables
}


def _columns(of: type[Struct]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, hint in get_type_hints(of, include_extras=True).items():
        inner, title = _titled(hint)
        if inner is Took:
            found |= {
                f"{name}_{part}": f"{title}: {said[0].lower()}{said[1:]}"
                for part, said in _columns(Took).items()
            }
        elif get_origin(inner) is list:
            found |= {f"{name}_{hour:02}": f"{hour:02}:00" for hour in range(reviewers.HOURS)}
        else:
            found[name] = title
    return found


def _titled(hint: Any) -> tuple[Any, str]:
    if get_origin(hint) is not Annotated:
        raise TypeError("a column has a title")
    inner, *metas = get_args(hint)
    return inner, next(meta.title for meta in metas if isinstance(meta, Meta) and meta.title)


def _values(row: Struct) -> Iterator[tuple[str, Value]]:
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if isinstance(value, Took):
            yield from ((f"{name}_{part}", getattr(value, part)) for part in _columns(Took))
        elif isinstance(value, list):
            yield from ((f"{name}_{hour:02}", count) for hour, count in enumerate(value))
        else:
            yield name, value
