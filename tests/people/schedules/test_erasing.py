"""Somebody who was on duty is forgotten: what schedules and calendars said of them goes, the times stay."""

from __future__ import annotations

from core import ids
from oversight import erasure
from oversight.erasure import Wanted as Subject
from people.models import Feed, Override
from people.schedules.feeds import upload
from people.schedules.overrides import Wanted, Who, override
from people.services import create_person, deactivate_person
from tests.factories import ACTOR
from tests.oversight.canary import begin, canary, forms, places
from tests.people.schedules.calendars import calendar, event, utc
from tests.people.schedules.office import HOUR, TEXT, Office, now


def test_whoever_was_on_duty_is_found_nowhere_afterwards():
    begin()
    office, name, mail = Office(), canary(), f"{canary()}@mail.example"
    person = create_person(actor=ACTOR, workspace=office.workspace, email=mail, name=name)
    office.apply(TEXT.replace("who: [{ana}]", f"who: [{{ana}}, {mail}], rotate: none"))
    at = now()
    wanted = Wanted(person.id, at, at + HOUR)
    override(
        actor=ACTOR, workspace=office.workspace.id, schedule="duty", wanted=wanted, who=Who(None)
    )
    shift = event(f":{utc(at - HOUR)}", f":{utc(at + HOUR)}", summary=name, uid=mail)
    content = calendar(shift)
    upload(actor=ACTOR, workspace=office.workspace.id, schedule="sent", content=content)
    Feed.objects.filter(workspace=office.workspace).update(
        failed_at=at, failures=1, reason=f"The event “{name}” comes secondly."
    )
    needles = forms(name.encode(), mail.encode())
    before = {"people_feed", "people_oncallschedule"}
    assert before <= places(needles)

    office.apply(TEXT)
    deactivate_person(actor=ACTOR, person=person)
    subject = Subject(office.workspace.id, "Asked for", subject=person.id)
    done = erasure.erase(actor=ACTOR, wanted=subject)
    assert done.subjects == [ids.encode("per", person.id)]
    assert places(needles) == set()
    assert Override.objects.get(workspace=office.workspace).person_id == person.id
    feed = Feed.objects.get(workspace=office.workspace)
    assert (feed.reason, feed.failures) == ("", 1)
    assert office.on_duty("sent", at) == ()
