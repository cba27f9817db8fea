"""News that lies nowhere outside is an alarm: first a warning, then a failure."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from audit.log import INSERT_EVENTS, event_rows
from config import doctor
from core import db
from oversight.anchors.schedule import lateness, pause
from oversight.anchors.standing import standing
from people.models import Workspace
from tests.audit.logs import facts
from tests.oversight.anchors.world import add, grow, keep, now_is
from tests.promises import ask


def long_ago(workspace: Workspace, **ago: float) -> None:
    """An event that happened then and gets its place now; the anchors were there before."""
    with db.pool().connection() as conn:
        (now,) = conn.execute("SELECT clock_timestamp()").fetchone() or ()
        rows = event_rows(facts(workspace.id, 1), now - timedelta(**ago))
        conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", rows)
    grow(workspace)
    ask(
        "UPDATE oversight_anchortarget SET created_at = created_at - %s WHERE workspace_id = %s"
        " RETURNING 1",
        timedelta(days=30),
        workspace.id,
    )


def found(workspace: Workspace) -> list[tuple[str, str]]:
    with db.connect() as conn:
        return [
            (each.level, each.detail)
            for each in doctor._anchors(conn)
            if workspace.slug in each.detail.replace(",", "").replace(":", "").split()
        ]


@pytest.mark.parametrize(
    ("kind", "behind", "level"),
    [
        ("file", None, "ok"),
        ("file", timedelta(minutes=3), "ok"),
        ("file", timedelta(minutes=4), "warning"),
        ("file", timedelta(hours=24), "warning"),
        ("file", timedelta(hours=25), "failed"),
        ("tsa", timedelta(hours=3), "ok"),
        ("tsa", timedelta(hours=4), "warning"),
        ("webhook", timedelta(hours=25), "failed"),
    ],
)
def test_how_late_is_too_late(kind: str, behind: timedelta | None, level: str):
    assert lateness(kind, behind) == level


def test_the_pause_doubles_up_to_the_interval():
    assert [pause("file", n).total_seconds() for n in (1, 2, 3)] == [30, 60, 60]
    assert pause("tsa", 1_000_000) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("ago", "level"), [({"minutes": 10}, "warning"), ({"hours": 25}, "failed")]
)
def test_the_doctor_says_since_when_a_log_is_not_anchored(
    workspace: Workspace, folder: Path, ago: dict[str, float], level: str
):
    target = add(workspace, "--file")
    grow(workspace)
    keep()
    grow(workspace)
    assert found(workspace) == []
    assert standing(workspace.id).targets[0].behind_since is None
    long_ago(workspace, **ago)
    [(said, detail)] = found(workspace)
    assert said == level
    assert f"{workspace.slug}: not anchored since " in detail
    [each] = standing(workspace.id).targets
    assert (each.level, each.size, each.at) == (
        level,
        now_is(target).anchored_size,
        now_is(target).anchored_at,
    )
    ask(
        "UPDATE core_due SET due_at = due_at - interval '1 hour', ready_at = ready_at - interval '1 hour'"
        " WHERE subject = %s RETURNING 1",
        target.id,
    )
    keep()
    assert found(workspace) == []


def test_no_anchor_at_all_is_a_warning(workspace: Workspace, settings):
    settings.ANCHOR_DIR = None
    with db.connect() as conn:
        [none] = [each for each in doctor._anchors(conn) if "no anchor at all" in each.detail]
    assert none.level == "warning"
    assert "ASSENTRY_ANCHOR_DIR" in none.todo


def test_a_folder_that_cannot_be_read_is_a_failure(workspace: Workspace, folder: Path):
    folder.write_text("no folder")
    with db.connect() as conn:
        failed = [each.detail for each in doctor._anchors(conn) if each.level == "failed"]
    assert any(str(folder) in detail for detail in failed)
