"""Links lead somewhere, and no document knows the machine it was written on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCUMENTS, anchors, links, name

#: Folders that exist on somebody's machine and on nobody else's.
LOCAL = re.compile(r"(?<![\w.])/(?:home|root|Users|work|tmp|mnt)/|\bfile:///|[A-Z]:\\\\")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_relative_links_and_anchors_lead_somewhere(document: Path) -> None:
    for link in links(document):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(target), f"{link}: no such heading"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_no_path_of_somebodys_machine(document: Path) -> None:
    found = LOCAL.search(document.read_text(encoding="utf-8"))
    assert found is None, found


def test_every_document_is_reachable_from_the_readme() -> None:
    seen: set[Path] = set()
    ahead = [next(document for document in DOCUMENTS if document.name == "README.md")]
    while ahead:
        document = ahead.pop()
        seen.add(document)
        for link in links(document):
            target = (document.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.exists() and target not in seen:
                ahead.append(target)
    lost = {name(document) for document in DOCUMENTS if document not in seen}
    assert lost == set(), "no document leads there: link them from README.md, “Where to read on”"
