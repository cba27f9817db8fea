from __future__ import annotations

from datetime import datetime

import pytest

from people.models import Feed, OnCallSchedule, Role
from people.schedules.terms import UPLOADED, Holidays, Schedule, Shift
from policies.differences import changes
from policies.document import parse
from policies.errors import PolicyErrors
from policies.schema import POLICY_SCHEMA
from policies.services import apply
from policies.source import load
from tests.events import events_of
from tests.factories import ACTOR, PersonFactory
from tests.policies.documents import HEAD
from tests.policies.test_document import EDITOR, errors

ANA, CARO, DAN = "ana@example.com", "caro@example.com", "dan@example.com"

WHOLE = (
    HEAD.replace("title: Finance,", "title: Finance, schedule: finance-duty,")
    + """\
schedules:
  finance-duty:
    timezone: Europe/Berlin
    holidays: {country: DE, subdivision: BY}
    shifts:
      - {who: [Caro@Example.com, dan@example.com], from: 2026-01-05T08:00, hours: "Mo-Fr 08:00-18:00"}
      - {who: [dan@example.com], rotate: 12h, from: 2026-01-05T08:00, until: 2027-01-05T08:00, on_holidays: true}
      - {who: [ana@example.com, caro@example.com], rotate: none}
  feed: {timezone: UTC, ical: "https://calendar.example/duty.ics?key=secret"}
  sent: {timezone: UTC, ical: uploaded}
  plain: {timezone: UTC, holidays: FR, shifts: [{who: [ana@example.com]}]}
"""
)


def test_a_document_says_who_is_on_duty():
    document = parse(WHOLE)
    assert document.roles["money"].schedule == "finance-duty"
    assert document.roles["lead"].schedule is None
    duty = document.schedules["finance-duty"]
    begin = datetime.fromisoformat("2026-01-05T08:00")
    assert duty.says == Schedule(
        timezone="Europe/Berlin",
        holidays=Holidays("DE", "BY"),
        shifts=(
            Shift(who=(CARO, DAN), rotate="weekly", begin=begin, hours="Mo-Fr 08:00-18:00"),
            Shift(
                who=(DAN,),
                rotate="12h",
                begin=begin,
                until=datetime.fromisoformat("2027-01-05T08:00"),
                on_holidays=True,
            ),
            Shift(who=(ANA, CARO)),
        ),
    )
    assert [member.email for member in duty.members] == [CARO, DAN, DAN, ANA, CARO]
    assert (duty.members[0].place.line, duty.members[0].place.column) == (15, 16)
    assert document.schedules["feed"].says.ical == "https://calendar.example/duty.ics?key=secret"
    assert document.schedules["sent"].says.ical == UPLOADED
    assert document.schedules["plain"].says.holidays == Holidays("FR")
    EDITOR.validate(load(WHOLE).plain())


DUTY = HEAD + "schedules:\n  duty: "
SHIFT = DUTY + "{timezone: UTC, shifts: [{"
AT = "/schedules/duty"
FIRST = AT + "/shifts/0"

TABLE = [
    (HEAD + "schedules: {}\n", (10, 12, "/schedules"), "From 1 to 100"),
    (HEAD + "schedules:\n  Duty: {timezone: UTC, ical: uploaded}\n", (11, 3, "/schedules/Duty"), "not a schedule's name"),
    (HEAD.replace("lead: {", "lead: {schedule: duty, "), (4, 20, "/roles/lead/schedule"), "not declared"),
    (HEAD.replace("lead: {", "lead: {schedule: dooty, ") + "schedules:\n  duty: {timezone: UTC, ical: uploaded}\n",
     (4, 20, "/roles/lead/schedule"), "“duty”?"),
    (DUTY + "{ical: uploaded}\n", (11, 9, AT), "needs “timezone”"),
    (DUTY + "{timezone: Europe/Berlyn, ical: uploaded}\n", (11, 20, AT + "/timezone"), "“Europe/Berlin”?"),
    (DUTY + "{timezone: ../../etc/passwd, ical: uploaded}\n", (11, 20, AT + "/timezone"), "no time zone"),
    (DUTY + "{timezone: UTC}\n", (11, 3, AT), "either “shifts” or “ical”"),
    (DUTY + "{timezone: UTC, ical: uploaded, shifts: [{who: [ana@example.com]}]}\n",
     (11, 25, AT + "/ical"), "either “shifts” or “ical”"),
    (DUTY + "{timezone: UTC, shifts: []}\n", (11, 33, AT + "/shifts"), "At least one shift"),
    (DUTY + "{timezone: UTC, ical: \"http://calendar.example/\"}\n", (11, 31, AT + "/ical"), "https address"),
    (DUTY + "{timezone: UTC, ical: \"https://ana:pw@calendar.example/\"}\n", (11, 31, AT + "/ical"), "user name"),
    (DUTY + "{timezone: UTC, ical: uploaded, holidays: DE}\n", (11, 41, AT + "/holidays"), "remove “holidays”"),
    (DUTY + "{timezone: UTC, holidays: XX, shifts: [{who: [ana@example.com]}]}\n",
     (11, 35, AT + "/holidays"), "No holidays are known"),
    (DUTY + "{timezone: UTC, holidays: {country: DE, subdivision: XX}, shifts: [{who: [ana@example.com]}]}\n",
     (11, 62, AT + "/holidays/subdivision"), "its parts: BB"),
    (DUTY + "{timezone: UTC, holidays: {}, shifts: [{who: [ana@example.com]}]}\n",
     (11, 35, AT + "/holidays"), "needs “country”"),
    (SHIFT + "}]}\n", (11, 34, FIRST), "needs “who”"),
    (SHIFT + "who: []}]}\n", (11, 40, FIRST + "/who"), "At least one person"),
    (SHIFT + "who: [ana]}]}\n", (11, 41, FIRST + "/who/0"), "e-mail"),
    (SHIFT + "who: [ana@example.com, ANA@example.com]}]}\n", (11, 58, FIRST + "/who/1"), "twice"),
    (SHIFT + "who: [ana@example.com, ben@example.com]}]}\n", (11, 34, FIRST), "needs “from”"),
    (SHIFT + "who: [ana@example.com], rotate: monthly}]}\n", (11, 67, FIRST + "/rotate"), "weekly, daily, none"),
    (SHIFT + "who: [ana@example.com], rotate: 30m}]}\n", (11, 67, FIRST + "/rotate"), "1h at least"),
    (SHIFT + "who: [ana@example.com], from: 2026-01-05}]}\n", (11, 65, FIRST + "/from"), "2026-01-05T08:00"),
    (SHIFT + "who: [ana@example.com], from: 2026-02-30T08:00}]}\n", (11, 65, FIRST + "/from"), "local time"),
    (SHIFT + "who: [ana@example.com], from: \"2026-01-05T08:00Z\"}]}\n", (11, 65, FIRST + "/from"), "without zone"),
    (SHIFT + "who: [ana@example.com], from: 2026-01-05T08:00, until: 2026-01-05T08:00}]}\n",
     (11, 90, FIRST + "/until"), "ends after it begins"),
    (SHIFT + "who: [ana@example.com], hours: nine to five}]}\n", (11, 66, FIRST + "/hours"), "no opening hours"),
    (SHIFT + "who: [ana@example.com], hours: \"Mo-Fr 08:00-18:00; PH off\"}]}\n",
     (11, 66, FIRST + "/hours"), "holidays: DE"),
    (SHIFT + "who: [ana@example.com], hours: sunrise-sunset}]}\n", (11, 66, FIRST + "/hours"), "write times"),
    (SHIFT + f"who: [ana@example.com], hours: \"{'Mo 08:00-09:00; ' * 20}\"}}]}}\n",
     (11, 66, FIRST + "/hours"), "200 characters"),
    (SHIFT + "who: [ana@example.com], on_holidays: yes}]}\n", (11, 72, FIRST + "/on_holidays"), "true or false"),
    (SHIFT + "who: [ana@example.com], vacation: 1}]}\n", (11, 59, FIRST + "/vacation"), "not a key of a shift"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "place", "says"), TABLE, ids=[str(at) for at in range(len(TABLE))]
)
def test_a_fault_is_reported_with_its_place(text, place, says):
    found = errors(text)
    assert [error for error in found if error[:3] == place and says in error[3]], found


def test_the_schema_of_the_document_tells_editors():
    assert "schedule" in POLICY_SCHEMA["$defs"]["role"]["properties"]
    assert set(POLICY_SCHEMA["$defs"]["shift"]["properties"]) == {
        "who", "rotate", "from", "until", "hours", "on_holidays",
    }  # fmt: skip


def test_what_changes_is_said_in_words_and_without_the_secret_of_an_address():
    before = parse(WHOLE)
    after = parse(
        WHOLE.replace("secret", "other")
        .replace("Mo-Fr 08:00-18:00", "Mo-Sa 08:00-18:00")
        .replace("  plain: {timezone: UTC, holidays: FR, shifts: [{who: [ana@example.com]}]}\n", "")
        .replace("schedule: finance-duty", "schedule: sent")
    )
    told = {change.name: change.text for change in changes(before, after)}
    assert told["money"] == "Role “money”: schedule finance-duty → sent."
    assert "at Mo-Fr 08:00-18:00" in told["finance-duty"]
    assert "at Mo-Sa 08:00-18:00" in told["finance-duty"]
    assert told["feed"] == "Schedule “feed”: another calendar at the same place."
    assert told["plain"] == "Schedule “plain” is removed."
    assert set(told) == {"money", "finance-duty", "feed", "plain"}
    added = {change.name: change.text for change in changes(parse(HEAD), before)}
    assert added["plain"] == (
        "Schedule “plain” is added: ana@example.com in UTC, without the holidays of FR."
    )
    assert added["feed"].endswith("a calendar at https://calendar.example:443 in UTC.")


def small(schedule: str, role: str = "") -> str:
    return f"""\
assentry: 1
fallback: lead
roles:
  lead: {{title: Lead{role}}}
actions:
  site.publish: {{}}
schedules:
  duty: {schedule}
"""


def told(workspace) -> list[tuple[str, dict[str, str]]]:
    found = events_of(workspace.id)
    return [(one["kind"], one["data"]) for one in found if one["kind"].startswith("schedule.")]


def test_applying_reconciles_schedules_with_their_events():
    person = PersonFactory()
    workspace = person.workspace
    shifts = f"{{timezone: UTC, shifts: [{{who: [{person.user.email}]}}]}}"
    first = apply(actor=ACTOR, workspace=workspace, text=small(shifts, ", schedule: duty"))
    assert (first.schedules.created, first.schedules.changed, first.schedules.removed) == (
        ["duty"],
        [],
        [],
    )
    row = OnCallSchedule.objects.get(workspace=workspace)
    assert (row.name, row.active) == ("duty", True)
    assert person.user.email.encode() in bytes(row.spec or b"")
    assert Role.objects.get(workspace=workspace).schedule == "duty"

    again = apply(actor=ACTOR, workspace=workspace, text=small(shifts, ", schedule: duty"))
    assert (again.schedules.created, again.schedules.changed, again.schedules.removed) == (
        [],
        [],
        [],
    )

    sent = apply(actor=ACTOR, workspace=workspace, text=small("{timezone: UTC, ical: uploaded}"))
    assert sent.schedules.changed == ["duty"]
    assert Feed.objects.get(workspace=workspace).source == ""
    assert Role.objects.get(workspace=workspace).schedule is None

    gone = apply(actor=ACTOR, workspace=workspace, text=small("").split("schedules:")[0])
    assert gone.schedules.removed == ["duty"]
    row.refresh_from_db()
    assert (row.active, row.spec) == (False, None), "history names it, and nobody is on duty by it"
    assert not Feed.objects.filter(workspace=workspace).exists()

    back = apply(actor=ACTOR, workspace=workspace, text=small(shifts))
    assert back.schedules.created == ["duty"]
    assert OnCallSchedule.objects.get(workspace=workspace).id == row.id
    assert told(workspace) == [
        ("schedule.created", {"name": "duty", "source": "shifts"}),
        ("schedule.changed", {"name": "duty", "source": "uploaded"}),
        ("schedule.removed", {"name": "duty"}),
        ("schedule.created", {"name": "duty", "source": "shifts"}),
    ]


def test_whoever_is_on_duty_is_an_active_person_of_the_workspace():
    stranger, person = PersonFactory(), PersonFactory()
    text = small(f"{{timezone: UTC, shifts: [{{who: [{stranger.user.email}]}}]}}")
    with pytest.raises(PolicyErrors) as raised:
        apply(actor=ACTOR, workspace=person.workspace, text=text)
    [error] = raised.value.errors
    assert (error.line, error.path) == (8, "/schedules/duty/shifts/0/who/0")
    assert "nobody in this workspace" in error.detail
    assert not OnCallSchedule.objects.filter(workspace=person.workspace).exists()
