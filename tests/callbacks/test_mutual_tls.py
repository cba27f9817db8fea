"""A receiver that demands a client certificate, met over a whole delivery."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callbacks import endpoints
from callbacks.endpoints import Wanted
from callbacks.models import Attempt
from core import ids
from tests.api.tenant import Person
from tests.approvals.world import TEST, World
from tests.callbacks.receiver import Receiver, receiving
from tests.callbacks.test_delivery import Setting, send
from tests.core.certificates import Authority, Pair, serving_as
from tests.factories import PASSWORD
from tests.server import Live

ASK = {
    "name": "Ask",
    "action": "payments.refund",
    "effect": "ask",
    "ask": {"stages": [{"any_of": ["lead"]}]},
}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("An authority")


@pytest.fixture
def demanding(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Receiver]:
    """A receiver that speaks to nobody without a certificate of the authority, which we trust, too."""
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = serving_as(authority.issue("127.0.0.1"), tmp_path)
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with receiving(tls=context) as receiver:
        yield receiver


def pem(pair: Pair) -> tuple[str, str]:
    return pair[0].decode(), pair[1].decode()


def test_a_certificate_and_headers_of_ones_own_go_with_each_callback(
    demanding: Receiver, deliverer: Any, authority: Authority
) -> None:
    world = World({"lead": ["ana"]}, [ASK])
    sent = {"X-Tenant": "7 of 9", "Authorization": "Bearer a.b"}
    setting = Setting(world, demanding, headers=sent, certificate=pem(authority.issue("client-1")))
    for number in (1, 2):
        world.decide("ana", world.submit())
        send(deliverer, setting, number)
    for arrived in demanding.until(2):
        assert {name: arrived.headers[name.lower()] for name in sent} == sent
    assert {one.state for one in setting.callbacks()} == {"delivered"}
    for secret in ("7 of 9", "PRIVATE KEY"):  # neither lies in the database as it is
        for value in (setting.now().headers, setting.now().certificate):
            assert secret.encode() not in bytes(value or b"")


@pytest.mark.parametrize("shown", ["none", "of a stranger"])
def test_without_a_good_one_it_fails_and_people_see_why(
    server: Live, demanding: Receiver, deliverer: Any, authority: Authority, shown: str
) -> None:
    world = World({"lead": ["ana"]}, [ASK], password=PASSWORD)
    stranger = pem(Authority("Another").issue("client-1"))
    setting = Setting(world, demanding, certificate=None if shown == "none" else stranger)
    world.decide("ana", world.submit())
    send(deliverer, setting, 1)
    assert demanding.arrived == []
    owner = Person(server, world.people["olivia"])
    callback = ids.encode("cbk", setting.one().id)
    seen = owner.call("GET", f"/callbacks/{callback}").json()
    [tried] = seen["tries"]
    assert (seen["state"], seen["last"], tried["status"]) == ("pending", "tls", None)
    assert (tried["failure"], tried["response"]) == ("tls", "")
    # Where the receiver is quick to hang up, what it said is lost.
    said = "certificate required" if shown == "none" else "unknown ca"
    assert tried["detail"] in (
        f"TLS failed: {said}.",
        "TLS failed: the other side hung up; it may want a client certificate, or another one.",
    )
    path = f"/endpoints/{ids.encode('end', setting.endpoint.id)}"
    fares = owner.call("GET", path).json()
    assert (fares["failures"], fares["has_certificate"]) == (1, shown != "none")
    # With the right one the same callback arrives, under its own id.
    endpoints.change(
        actor=TEST,
        endpoint=setting.endpoint,
        wanted=Wanted(certificate=pem(authority.issue("client-2"))),
    )
    setting.make_due(hours=1)
    send(deliverer, setting, 2)
    [arrived] = demanding.until(1)
    assert arrived.headers["webhook-id"] == callback
    tries = Attempt.objects.filter(callback=setting.one()).order_by("number")
    assert [one.status for one in tries] == [None, 204]
    assert setting.one().state == "delivered"
