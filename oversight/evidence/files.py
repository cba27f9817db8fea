"""A packet as what people are given: the sections of a page, and the bytes of a PDF."""

from __future__ import annotations

from oversight.evidence import document, packet, pdf
from oversight.evidence.document import Section
from oversight.evidence.packet import Packet


def as_sections(made: Packet) -> list[Section]:
    """The document of a packet."""
    return document.sections(packet.readable(made))


def as_pdf(made: Packet, *, compress: bool = True) -> bytes:
    """The same document as PDF."""
    return pdf.write(packet.readable(made), as_sections(made), compress=compress)
