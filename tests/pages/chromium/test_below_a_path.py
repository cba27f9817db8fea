"""Below a path of its host, a real browser finds scripts and worker."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.approvals.world import World
from tests.factories import PASSWORD
from tests.pages.chromium.windows import Windows
from tests.pages.test_below_a_path import PREFIX
from tests.processes import Web


@pytest.fixture
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A web process of its own, told that it stands below a path."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    base = f"http://127.0.0.1:{listener.getsockname()[1]}{PREFIX}"
    one = Web(tmp_path_factory.mktemp("web"), listener, ASSENTRY_BASE_URL=base)
    yield one
    one.kill()
    listener.close()


def test_a_browser_finds_scripts_and_worker_below_the_path(web: Web, windows: Windows) -> None:
    world = World({"lead": ["ana"]}, password=PASSWORD)
    page = windows.open(base_url=web.url, path=f"{PREFIX}/settings")
    page.locator("[name=email]").fill(world.email("ana"))
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#this-browser p")).not_to_contain_text("needs JavaScript")
    page.locator(".you summary").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    scope = page.evaluate(
        """async () => {
          const home = new URL("../../", document.querySelector("script[src*=push]").src);
          const made = await navigator.serviceWorker.register(new URL("sw.js", home).href, {scope: home.pathname});
          return made.scope; }"""
    )
    assert scope == f"{web.url}{PREFIX}/"
