"""A workspace with a log, a folder for its anchors, a receiver, and an authority."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import addresses
from people.models import Workspace
from tests.audit.logs import write
from tests.callbacks.receiver import Receiver, receiving
from tests.factories import WorkspaceFactory
from tests.oversight.anchors.authority import Authority, Signer, serving
from tests.promises import ask


@pytest.fixture(autouse=True)
def _loopback_is_allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ASSENTRY_EGRESS_ALLOW", "127.0.0.0/8")
    addresses.allowed_networks.cache_clear()
    yield
    monkeypatch.undo()
    addresses.allowed_networks.cache_clear()


@pytest.fixture(autouse=True)
def _nothing_stays_due() -> Iterator[None]:
    yield
    ask("DELETE FROM core_due WHERE kind = 'audit.anchor' RETURNING 1")
    ask(
        "UPDATE audit_hold SET accepted_at = clock_timestamp() WHERE accepted_at IS NULL RETURNING 1"
    )


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.ANCHOR_DIR = tmp_path / "anchors"
    return tmp_path / "anchors"


@pytest.fixture
def workspace() -> Workspace:
    made: Workspace = WorkspaceFactory()
    write(made.id, 3)
    return made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer("Test authority")


@pytest.fixture
def authority(signer: Signer) -> Iterator[Authority]:
    with serving(signer) as one:
        yield one
