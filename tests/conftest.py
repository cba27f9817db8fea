"""What every test has: a migrated database of its own process, open for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker
from pytest_django.plugin import blocking_manager_key

from core import db
from core.nudge import nudger
from tests import databases
from tests.server import Live, serving

_server = pytest.StashKey[databases.Server]()


def pytest_configure(config: pytest.Config) -> None:
    if config.option.help or config.option.version or config.option.collectonly:
        return
    with config.stash[blocking_manager_key].unblock():
        if not hasattr(config, "workerinput"):
            server = config.stash[_server] = databases.Server()
            try:
                server.start()
            except BaseException:
                server.stop()
                raise
            if getattr(config.option, "numprocesses", None):
                return  # the workers run the tests
        worker = getattr(config, "workerinput", {}).get("workerid", "main")
        databases.use_clone(worker)


def pytest_unconfigure(config: pytest.Config) -> None:
    server = config.stash.get(_server, None)
    if server is not None:
        with config.stash[blocking_manager_key].unblock():
            server.stop()


@pytest.fixture(scope="session", autouse=True)
def _database_is_open(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Tests commit like the product does; what keeps them apart is the workspace, not a rollback."""
    with django_db_blocker.unblock():
        yield
        nudger.close()
        db.close()
        connections.close_all()


@pytest.fixture(scope="session")
def server() -> Iterator[Live]:
    """The product under uvicorn, over real HTTP; one for all tests of a worker process."""
    with serving() as live:
        yield live
