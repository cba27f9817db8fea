"""The policy document: text becomes policy here, and nowhere else.

A `Document` that exists can be planned with: every reference, quorum and condition was checked.
"""

from __future__ import annotations

from policies import checks, source
from policies.errors import Place, PolicyError, PolicyErrors
from policies.reading import Reader
from policies.terms import DEADLINES, Action, Ask, Document, Member, Role, Rule

__all__ = [
    "DEADLINES", "Action", "Ask", "Document", "Member", "Place", "PolicyError", "PolicyErrors",
    "Role", "Rule", "parse",
]  # fmt: skip


def parse(text: str) -> Document:
    """Return the policy that `text` (YAML or JSON) says; PolicyErrors with all faults at once.

    Pure: whether the members are people of the workspace is for the caller to check.
    """
    text = source.with_file_ends(text)
    root = source.load(text)
    reader = Reader(text)
    document = reader.document(root)
    errors = reader.errors
    if document is not None:
        errors = [*errors, *checks.faults(document, root)]
    if errors or document is None:
        raise PolicyErrors(errors)
    return document
