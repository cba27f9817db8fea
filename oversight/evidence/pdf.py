"""The document of a packet as PDF.

Everything that others wrote is escaped and drawn as it is: no markup of theirs is read.  What the fonts
cannot draw is written as its number, so that nothing disappears; the rest of what hides was made plain before
(`document`).
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    Flowable,
    PageTemplate,
    Paragraph,
    Preformatted,
    Spacer,
    TableStyle,
)
from reportlab.platypus import Table as Grid
from reportlab.platypus.doctemplate import BaseDocTemplate
from reportlab.platypus.frames import Frame

from oversight.evidence.document import Block, Box, Facts, Note, Section, Table, when

_FONTS: Final = Path(__file__).parent / "fonts"
_WIDTH: Final = A4[0] - 36 * mm
#: Characters of the mono font at its size that fit a box; longer lines are broken there.
_COLUMNS: Final = 96
_LINE: Final = colors.HexColor("#c9ced6")
_INK: Final = colors.HexColor("#20262e")
_MUTE: Final = colors.HexColor("#5a6472")
_WASH: Final = colors.HexColor("#f4f5f7")


def write(packet: Mapping[str, Any], found: Sequence[Section], *, compress: bool = True) -> bytes:
    """The PDF of a packet and its sections (`document.sections`).

    Args:
        compress: false leaves page contents as text, for who reads the file itself.
    """
    _fonts()
    request, checkpoint = packet["request"], packet["checkpoint"]
    foot = (
        f"{request['workspace']['slug']} · {request['id']} · "
        f"checkpoint of {checkpoint['size']} events, {when(checkpoint['at'])}"
    )
    file = io.BytesIO()
    document = BaseDocTemplate(
        file,
        pagesize=A4,
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=16 * mm,
        bottomMargin=20 * mm,
        title=f"Evidence of {request['id']}",
        author=packet["software"],
        subject=packet["origin"],
        creator=packet["software"],
        lang="en",
        pageCompression=int(compress),
    )
    frame = Frame(
        document.leftMargin,
        document.bottomMargin,
        document.width,
        document.height,
        leftPadding=0,
        rightPadding=0,
    )

    def finish(canvas: Any, _: Any) -> None:
        canvas.setFont("Sans", 7)
        canvas.setFillColor(_MUTE)
        canvas.drawString(18 * mm, 11 * mm, foot)
        canvas.drawRightString(A4[0] - 18 * mm, 11 * mm, f"Page {canvas.getPageNumber()}")

    document.addPageTemplates([PageTemplate(id="page", frames=[frame], onPage=finish)])
    story: list[Flowable] = [
        Paragraph("Evidence of one request", _style("title")),
        Paragraph(escape(f"{request['id']} in {packet['origin']}"), _style("note")),
    ]
    for section in found:
        story.append(Paragraph(escape(section.title), _style("heading")))
        for block in section.blocks:
            story += _drawn(block)
            story.append(Spacer(1, 2.5 * mm))
    document.build(story)
    return file.getvalue()


def _drawn(block: Block) -> list[Flowable]:
    match block:
        case Note():
            return [Paragraph(_safe(block.text, "Sans"), _style("text"))]
        case Facts():
            return [_facts(block)]
        case Table():
            return _table(block)
        case Box():
            return _box(block)


def _facts(block: Facts) -> Flowable:
    rows = [
        [Paragraph(escape(label), _style("label")), Paragraph(_safe(value, "Sans"), _style("cell"))]
        for label, value in block.rows
    ]
    grid = Grid(rows, colWidths=[_WIDTH * 0.26, _WIDTH * 0.74], splitInRow=1)
    grid.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, -1), 0.3, _LINE),
                ("LEFTPADDING", (0, 0), (-1, -1), 3),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ]
        )
    )
    return grid


def _table(block: Table) -> list[Flowable]:
    if not block.rows:
        return [Paragraph("None.", _style("text"))]
    head = [Paragraph(escape(one), _style("label")) for one in block.head]
    rows = [[Paragraph(_safe(cell, "Sans"), _style("small")) for cell in row] for row in block.rows]
    grid = Grid(
        [head, *rows], colWidths=[_WIDTH / len(head)] * len(head), repeatRows=1, splitInRow=1
    )
    grid.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("GRID", (0, 0), (-1, -1), 0.3, _LINE),
                ("BACKGROUND", (0, 0), (-1, 0), _WASH),
                ("LEFTPADDING", (0, 0), (-1, -1), 3),
                ("RIGHTPADDING", (0, 0), (-1, -1), 3),
            ]
        )
    )
    if not block.more:
        return [grid]
    said = f"{block.more:,} more rows stand in the packet as JSON."
    return [grid, Paragraph(said, _style("text"))]


def _box(block: Box) -> list[Flowable]:
    """One grid row per line, so that a box breaks across pages and every line of it stays inside."""
    lines = [[Preformatted(line or " ", _style("mono"))] for line in _lines(block.text)]
    grid = Grid(lines, colWidths=[_WIDTH])
    grid.setStyle(
        TableStyle(
            [
                ("BOX", (0, 0), (-1, -1), 0.6, _MUTE),
                ("BACKGROUND", (0, 0), (-1, -1), _WASH),
                ("TOPPADDING", (0, 0), (-1, -1), 0),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, 0), 4),
                ("BOTTOMPADDING", (0, -1), (-1, -1), 4),
                ("LEFTPADDING", (0, 0), (-1, -1), 5),
            ]
        )
    )
    return [Paragraph(escape(block.label), _style("label")), grid]


def _lines(text: str) -> list[str]:
    drawn = _drawable(text.expandtabs(4), "Mono")
    found: list[str] = []
    for line in drawn.split("\n"):
        found += [line[at : at + _COLUMNS] for at in range(0, len(line), _COLUMNS)] or [""]
    return found


def _safe(text: str, font: str) -> str:
    """A text for a paragraph: drawn as it is, its line breaks kept."""
    return escape(_drawable(text, font)).replace("\n", "<br/>")


def _drawable(text: str, font: str) -> str:
    """What the font cannot draw as its number: U+4E2D."""
    glyphs = _glyphs(font)
    if all(ord(char) in glyphs or char == "\n" for char in set(text)):
        return text
    return "".join(
        char if ord(char) in glyphs or char == "\n" else f"⟦U+{ord(char):04X}⟧" for char in text
    )


@cache
def _glyphs(font: str) -> frozenset[int]:
    return frozenset(pdfmetrics.getFont(font).face.charToGlyph)


@cache
def _fonts() -> None:
    for name, file in (
        ("Sans", "DejaVuSans"),
        ("Sans-Bold", "DejaVuSans-Bold"),
        ("Mono", "DejaVuSansMono"),
    ):
        pdfmetrics.registerFont(TTFont(name, str(_FONTS / f"{file}.ttf")))


@cache
def _style(name: str) -> ParagraphStyle:
    font, size, color, before = {
        "title": ("Sans-Bold", 17, _INK, 0),
        "heading": ("Sans-Bold", 11.5, _INK, 9),
        "note": ("Sans", 8, _MUTE, 0),
        "text": ("Sans", 8.5, _INK, 0),
        "cell": ("Sans", 8.5, _INK, 0),
        "small": ("Sans", 7, _INK, 0),
        "label": ("Sans", 7.5, _MUTE, 0),
        "mono": ("Mono", 7.5, _INK, 0),
    }[name]
    return ParagraphStyle(
        name,
        fontName=font,
        fontSize=size,
        leading=size * 1.35,
        textColor=color,
        spaceBefore=before,
        spaceAfter=2,
        alignment=TA_LEFT,
        splitLongWords=1,
        keepWithNext=int(name == "heading"),
        wordWrap="CJK" if name in ("small", "cell") else None,
    )
