"""Name lookups: bounded in time and number, whatever the name servers do."""

from __future__ import annotations

import threading
import time
from ipaddress import ip_address

import pytest

from core.http import Client, Failed
from core.lookups import MOST, Lookups, Unresolved

PUBLIC = "93.184.216.34"

pytestmark = pytest.mark.usefixtures("nothing_allowed")


def test_a_resolver_that_hangs_holds_nobody_longer_than_the_deadline(resolver):
    freed = threading.Event()
    calls: list[str] = []

    def hang():
        calls.append("asked")
        assert freed.wait(30)
        return [PUBLIC]

    resolver.names["slow.test"] = hang
    client = Client()
    for _ in range(3):
        with pytest.raises(Failed, match="resolve: "):
            client.send("POST", "https://slow.test/", headers={}, deadline_s=0.1)
    freed.set()
    assert calls == ["asked"]  # one question at a time, whoever waits for it


def test_names_that_hang_are_bounded_and_give_their_places_back(resolver):
    freed = threading.Event()
    lookups = Lookups()
    resolver.has("quick.test", PUBLIC)
    for number in range(MOST):
        resolver.names[f"n{number}.test"] = lambda: [PUBLIC] if freed.wait(30) else []
        with pytest.raises(Unresolved):
            lookups.addresses(f"n{number}.test", 0.0)
    with pytest.raises(Unresolved):
        lookups.addresses("quick.test", 0.0)
    assert "quick.test" not in resolver.asked
    freed.set()
    assert lookups.addresses("quick.test", time.monotonic() + 30) == (ip_address(PUBLIC),)
