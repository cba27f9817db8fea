from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.config.workers import Workers


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    made = Workers(tmp_path)
    yield made
    made.end()
