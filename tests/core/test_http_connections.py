"""Connections of outbound HTTP: kept for the same name, and never the reason that a call fails."""

from __future__ import annotations

import threading

import pytest

from core import wire
from core.http import Client, Failed
from tests.core.receivers import OK, answering, receiving

pytestmark = pytest.mark.usefixtures("loopback_allowed")


def test_a_connection_is_kept_for_the_same_name_only(client, resolver):
    resolver.has("one.test", "127.0.0.1")
    resolver.has("two.test", "127.0.0.1")
    with receiving() as receiver:
        for name in ("one.test", "one.test", "two.test", "one.test", "two.test"):
            assert client.send("GET", receiver.url(name=name), headers={}).status == 200
    assert receiver.connections == 2
    assert len(receiver.requests) == 5


def test_the_next_address_is_tried_when_the_first_takes_no_connection(client, resolver):
    resolver.has("two.test", "127.0.0.3", "127.0.0.1")
    with receiving() as receiver:
        assert client.send("POST", receiver.url(name="two.test"), headers={}).status == 200
    resolver.has("two.test", "127.0.0.3", "127.0.0.4")
    with pytest.raises(Failed) as failed:
        client.send("POST", receiver.url(name="two.test"), headers={})
    assert failed.value.kind == "connect"
    assert "127" not in failed.value.detail


def test_a_kept_connection_that_the_peer_ends_costs_nothing(client):
    def once(peer):
        peer.request()
        peer.sock.sendall(OK)
        peer.request()  # and is gone, without a byte

    with receiving(once) as receiver:
        for _ in range(3):
            assert client.send("POST", receiver.url(), headers={}, body=b"x").status == 200
    assert receiver.connections == 3
    assert len(receiver.requests) == 5


def test_several_kept_connections_that_the_peer_ends_cost_nothing(client):
    together = threading.Barrier(2)

    def once(peer):
        peer.request()
        if peer.receiver.connections <= 2:
            together.wait(10)
        peer.sock.sendall(OK)
        peer.request()  # and is gone, without a byte

    with receiving(once) as receiver:
        other = threading.Thread(
            target=client.send, args=("POST", receiver.url()), kwargs={"headers": {}}
        )
        other.start()
        client.send("POST", receiver.url(), headers={})
        other.join(10)
        assert client.send("POST", receiver.url(), headers={}).status == 200
    assert (receiver.connections, len(receiver.requests)) == (3, 4)


def test_a_kept_connection_that_was_closed_before_is_not_used(client):
    closed = threading.Event()

    def once(peer):
        peer.request()
        peer.sock.sendall(OK)
        peer.sock.close()
        closed.set()

    with receiving(once) as receiver:
        for _ in range(2):
            assert client.send("POST", receiver.url(), headers={}).status == 200
            assert closed.wait(10)
            closed.clear()
    assert (receiver.connections, len(receiver.requests)) == (2, 2)


def test_a_connection_that_rested_long_is_not_used(client, monkeypatch):
    monkeypatch.setattr(wire, "IDLE_S", 0.0)
    with receiving() as receiver:
        for _ in range(2):
            assert client.send("POST", receiver.url(), headers={}).status == 200
    assert receiver.connections == 2


def test_a_request_is_not_sent_again_over_a_new_connection(client):
    with receiving(lambda peer: peer.request()) as receiver, pytest.raises(Failed) as failed:
        client.send("POST", receiver.url(), headers={})
    assert failed.value.kind == "protocol"
    assert (receiver.connections, len(receiver.requests)) == (1, 1)


def test_a_request_is_not_sent_again_once_its_answer_began(client):
    def behave(peer):
        peer.request()
        peer.sock.sendall(OK)
        peer.request()
        peer.sock.sendall(b"HTTP/1.1 2")

    with receiving(behave) as receiver:
        assert client.send("POST", receiver.url(), headers={}).status == 200
        with pytest.raises(Failed, match="protocol"):
            client.send("POST", receiver.url(), headers={})
    assert (receiver.connections, len(receiver.requests)) == (1, 2)


def test_threads_share_a_client(client):
    statuses: list[int] = []
    with receiving() as receiver:

        def run():
            statuses.extend(
                client.send("POST", receiver.url(), headers={}).status for _ in range(50)
            )

        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert statuses == [200] * 400
    assert len(receiver.requests) == 400
    assert receiver.connections <= 8


def test_a_closed_client_leaves_no_connection_open():
    gone = threading.Event()

    def behave(peer):
        try:
            answering(OK)(peer)
        except EOFError:
            gone.set()

    with receiving(behave) as receiver:
        made = Client()
        made.send("POST", receiver.url(), headers={})
        made.close()
        assert gone.wait(10)
