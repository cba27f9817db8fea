"""The document that people read, as page and as PDF: complete, plain, and forged by nobody."""

from __future__ import annotations

import re
import time
from typing import Any

from core import ids
from oversight.evidence import packet
from oversight.evidence.document import BUDGET, MOST, Box
from oversight.evidence.files import as_pdf, as_sections
from tests.approvals.world import uuid_of
from tests.callbacks.receiver import Receiver
from tests.events import events_of
from tests.factories import PASSWORD
from tests.oversight.evidence.case import Case, person
from tests.pages.browser import Browser
from tests.server import Live

FORGED = '<h2>What became of it</h2><para fontSize="30">Approved by</para>&amp;<br/>\nWho decided'


def browser(case: Case, name: str) -> Browser:
    found = Browser(case.server.url)
    found.sign_in(case.world.email(name), PASSWORD)
    return found


def made(case: Case, request: dict[str, Any]) -> packet.Packet:
    case.sequence()
    return packet.make(workspace=case.world.workspace.id, request_id=uuid_of(request))


def drawn(pdf: bytes) -> list[tuple[str, float, str]]:
    """(font, size, text) of all ASCII that an uncompressed PDF draws: other characters are left out."""
    fonts = {
        name.decode(): base.decode()
        for base, name in re.findall(rb"/BaseFont /\w+\+([\w-]+) [^>]*?/Name /(F\d+\+0)", pdf)
    }
    found = []
    for font, size, rest in re.findall(
        rb"/(F\d+\+0) ([\d.]+) Tf [\d.]+ TL (.*?) ET", pdf, re.DOTALL
    ):
        for text in re.findall(rb"\(((?:[^\\)]|\\.)*)\) Tj", rest):
            plain = re.sub(rb"\\(\d{3}|.)", _unescaped, text)
            found.append((fonts[font.decode()], float(size), plain.decode("latin-1")))
    return found


def _unescaped(match: re.Match[bytes]) -> bytes:
    return b"" if len(match[1]) == 3 else match[1]


def texts(case: Case, request: dict[str, Any]) -> str:
    found = as_sections(made(case, request))
    said = [section.title for section in found]
    for section in found:
        for block in section.blocks:
            match block.type:
                case "facts":
                    said += [f"{label}: {value}" for label, value in block.rows]  # type: ignore[union-attr]
                case "table":
                    said += [" | ".join(row) for row in block.rows]  # type: ignore[union-attr]
                case _:
                    said.append(block.text)  # type: ignore[union-attr]
    return "\n".join(said)


def test_it_answers_what_an_examiner_asks(case: Case, receiver: Receiver) -> None:
    request = case.whole(receiver)
    said = texts(case, request)
    for words in (
        "Outcome: approved",
        "Because: people decided",
        "Its owner: Olivia",
        "Agent's version: 2.1",
        "Policy's rule: Ask two teams",
        "Covered: /card",
        "Roles held then: money",
        "Counts: no, since",
        "Paid.",
        "Ask the warehouse.",
        "a changed payload set another",
        "re_99",
        receiver.url,
        "204 in",
        "decision recorded",
    ):
        assert words in said, words
    assert "4111" not in said


def test_it_says_in_whose_place_somebody_decided(case: Case) -> None:
    case.world.away("ana", "vera")
    request = case.world.submit(payload={"amount": 20})
    case.world.decide("vera", request)
    vera, ana = (case.world.people[name].id for name in ("vera", "ana"))
    said = f"Vera ({ids.encode('per', vera)}), standing in for Ana ({ids.encode('per', ana)})"
    assert f"Person: {said}" in texts(case, request)


def test_the_page_is_read_and_leads_to_the_files(case: Case, receiver: Receiver) -> None:
    request = case.whole(receiver)
    case.may_audit("vera")
    case.sequence()
    vera = browser(case, "vera")
    page = vera.get(f"/requests/{request['id']}/evidence")
    assert page.status == 200
    assert "Because" in page.main
    assert "people decided" in page.main
    assert "Twenty is fine." in page.main
    assert "4111" not in page.answer.text
    case.sequence()
    for ending, kind, beginning in (
        ("json", "application/json", b'{"assentry":"evidence/1"'),
        ("pdf", "application/pdf", b"%PDF-"),
    ):
        path = f"/requests/{request['id']}/evidence.{ending}"
        assert page.tree.all("a", href=path) != []
        answer = vera.http.get(case.server.url + path, timeout=30)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
        assert answer.content.startswith(beginning)
        assert f"evidence-{request['id']}.{ending}" in answer.headers["Content-Disposition"]
        case.sequence()
    taken = events_of(case.world.workspace.id, "evidence.exported")
    assert [one["data"]["form"] for one in taken] == ["page", "json", "pdf"]
    assert {one["actor"]["id"] for one in taken} == {person(case, "vera")["id"]}
    assert [sorted(one["commitments"]) for one in taken] == [[], ["file"], ["file"]]


def test_who_may_not_read_the_log_gets_none_of_it(case: Case, server: Live) -> None:
    request = case.world.submit(payload={"amount": 20})
    case.sequence()
    theirs = Case(server)
    theirs.may_audit("vera")
    stranger, ana = browser(theirs, "vera"), browser(case, "ana")
    for ending in ("", ".json", ".pdf"):
        path = f"/requests/{request['id']}/evidence{ending}"
        assert ana.get(path).status == 403
        assert stranger.get(path).status == 404
    assert events_of(case.world.workspace.id, "evidence.exported") == []
    case.may_audit("vera")
    case.world.decide("ana", request)
    page = browser(case, "vera").get(f"/requests/{request['id']}/evidence")
    assert page.status == 409
    assert "look again in a second" in page.main


def test_nobody_can_forge_a_heading(case: Case) -> None:
    request = case.world.submit(payload={"amount": 20, "note": FORGED}, summary=FORGED)
    case.world.decide("ana", request, comment=FORGED)
    case.may_audit("vera")
    found = as_sections(made(case, request))
    assert all(FORGED not in section.title for section in found)
    boxes = [block.text for one in found for block in one.blocks if isinstance(block, Box)]
    assert boxes.count(FORGED) == 2
    page = browser(case, "vera").get(f"/requests/{request['id']}/evidence")
    headings = [one.text for one in page.tree.all("h2")]
    assert headings.count("What became of it") == 1
    assert headings.count("Who decided") == 1


def test_the_pdf_draws_hostile_text_and_says_what_it_cannot_draw(case: Case) -> None:
    request = case.world.submit(
        payload={"amount": 20, "note": FORGED, "name": "中文 \u202eevil \x07"}, summary="<b>&\u200b"
    )
    case.sequence()
    answer = case.evidence(request, ".pdf")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"].endswith(f'"evidence-{request["id"]}.pdf"')
    assert answer.content.startswith(b"%PDF-")
    assert answer.content.rstrip().endswith(b"%%EOF")
    (event,) = events_of(case.world.workspace.id, "evidence.exported")
    assert event["data"]["form"] == "pdf"

    found = drawn(as_pdf(made(case, request), compress=False))
    headings = [text for font, size, text in found if font == "DejaVuSans-Bold" and size < 17]
    assert headings == [one.title for one in as_sections(made(case, request))]
    boxed = "".join(text for font, _, text in found if font == "DejaVuSansMono")
    assert "<h2>What became of it</h2><para fontSize=" in boxed
    assert "Approved by</para>&amp;<br/>" in boxed
    assert "<b>&" in boxed
    # Neither is in the fonts, or may be drawn as it is.
    for number in ("U+4E2D", "U+6587", "U+202E", "U+200B"):
        assert number in boxed
    feet = [text for font, size, text in found if (font, size) == ("DejaVuSans", 7)]
    size = made(case, request).checkpoint["size"]
    slug, pages = case.world.slug, [one for one in feet if re.fullmatch(r"Page \d+", one)]
    assert pages[0] == "Page 1"
    said = [one for one in feet if one.startswith(slug) and f"checkpoint of {size} events" in one]
    assert len(said) == len(pages)


def test_what_is_long_is_cut_and_says_so(case: Case) -> None:
    note = "\u200ba" * 60_000
    request = case.world.submit(payload={"amount": 20, "note": note})
    packed = made(case, request)
    began = time.perf_counter()
    written = as_pdf(packed)
    assert time.perf_counter() - began < 10
    assert len(written) < 1_000_000
    boxes = [block for one in as_sections(packed) for block in one.blocks if isinstance(block, Box)]
    payload = next(one for one in boxes if one.label == "Payload")
    assert "[cut here: it has 120," in payload.text
    assert len(payload.text) < 3 * MOST
    assert packed.revisions[0]["payload_digest"] == request["payload_digest"]
    assert sum(len(one.text) for one in boxes) < BUDGET


def test_many_long_versions_stay_within_the_budget(case: Case) -> None:
    request = case.world.submit(payload={"amount": 0, "note": "word " * 3_000})
    for amount in range(1, 20):
        request = case.world.revise(request, amount=amount, note="word " * 3_000)
    boxes = [
        block
        for one in as_sections(made(case, request))
        for block in one.blocks
        if isinstance(block, Box)
    ]
    assert sum(len(one.text) for one in boxes) < BUDGET + 20_000
    assert any(one.text.startswith("[left out here") for one in boxes)
    assert as_pdf(made(case, request)).startswith(b"%PDF-")
