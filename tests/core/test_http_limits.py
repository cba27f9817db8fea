"""No peer holds a call longer than its deadline, or makes it read more than it asked for."""

from __future__ import annotations

import time

import pytest

from core.http import Failed
from tests.core.receivers import OK, answering, receiving, silent

pytestmark = pytest.mark.usefixtures("loopback_allowed")

DEADLINE_S = 0.4
#: A slow machine may be late; no limit would be later still.
LATE_S = 5.0


def drip_head(peer):
    peer.request()
    peer.drip(b"HTTP/1.1 200 OK\r\nX-Slow: aaaaaaaa")


def drip_interim(peer):
    peer.request()
    peer.drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def drip_body(peer):
    peer.request()
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    peer.drip(b"ab")


def drip_chunks(peer):
    peer.request()
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    peer.drip(b"1\r\na\r\n" * 1000)


def drip_until_close(peer):
    peer.request()
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    peer.drip(b"ab")


def no_body(peer):
    peer.request()
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    silent(peer)


@pytest.mark.parametrize(
    "behave",
    [silent, drip_head, drip_interim, drip_body, drip_chunks, drip_until_close, no_body],
)
@pytest.mark.parametrize("kept", [False, True])
def test_a_slow_peer_is_left_at_the_deadline(behave, kept, client):
    def after_one(peer):
        if kept:
            peer.request()
            peer.sock.sendall(OK)
        behave(peer)

    with receiving(after_one) as receiver:
        if kept:
            assert client.send("POST", receiver.url(), headers={}).status == 200
        begun = time.monotonic()
        with pytest.raises(Failed) as failed:
            client.send("POST", receiver.url(), headers={}, deadline_s=DEADLINE_S)
        took = time.monotonic() - begun
        assert failed.value.kind == "timeout"
        assert DEADLINE_S <= took + 0.01 < LATE_S
        assert receiver.connections == 1


def test_a_peer_that_does_not_read_is_left_at_the_deadline(client):
    with receiving(silent) as receiver, pytest.raises(Failed, match="timeout"):
        client.send(
            "POST", receiver.url(), headers={}, body=bytes(50_000_000), deadline_s=DEADLINE_S
        )


def test_a_peer_that_is_slow_in_the_handshake_is_left_at_the_deadline(client):
    def drip(peer):
        peer.drip(b"\x16\x03\x03\x40\x00\x02" + bytes(10_000))

    for behave in (silent, drip):
        with receiving(behave) as receiver, pytest.raises(Failed, match="timeout"):
            client.send("POST", receiver.url(scheme="https"), headers={}, deadline_s=DEADLINE_S)


@pytest.mark.parametrize("size", [0, 1, 99, 100])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_within_the_limit_is_whole_and_its_connection_kept(size, chunked, client):
    framed = b"Content-Length: %d\r\n\r\n%b" % (size, b"a" * size)
    if chunked:
        chunk = b"%x\r\n%b\r\n" % (size, b"a" * size) if size else b""
        framed = b"Transfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % chunk
    with receiving(answering(b"HTTP/1.1 200 OK\r\n" + framed)) as receiver:
        for _ in range(2):
            got = client.send("POST", receiver.url(), headers={}, most_bytes=100)
            assert (got.body, got.truncated) == (b"a" * size, False)
    assert receiver.connections == 1


@pytest.mark.parametrize(
    "framed",
    [
        b"Content-Length: 102\r\n\r\n" + b"a" * 102,
        b"Content-Length: 99999999999\r\n\r\n" + b"a" * 200,
        b"Transfer-Encoding: chunked\r\n\r\n65\r\n" + b"a" * 101,
        b"\r\n" + b"a" * 10_000,
    ],
)
def test_a_longer_body_is_cut_and_its_connection_ended(framed, client):
    with receiving(answering(b"HTTP/1.1 200 OK\r\n" + framed)) as receiver:
        for _ in range(2):
            got = client.send("POST", receiver.url(), headers={}, most_bytes=100)
            assert (got.status, got.body, got.truncated) == (200, b"a" * 100, True)
    assert receiver.connections == 2


def test_an_endless_body_is_cut(client):
    def endless(peer):
        peer.request()
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.sock.sendall(b"x" * 65_536)

    with receiving(endless) as receiver:
        got = client.send("POST", receiver.url(), headers={})
    assert (len(got.body), got.truncated) == (65_536, True)


def test_a_compressed_body_stays_as_it_came(client):
    bomb = b"\x1f\x8b\x08\x00" + bytes(100)
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 104\r\n\r\n" + bomb
    with receiving(answering(answer)) as receiver:
        got = client.send("POST", receiver.url(), headers={})
    assert got.body == bomb


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_an_answer_without_body_is_complete(status, client):
    with receiving(answering(b"HTTP/1.1 %b\r\n\r\n" % status)) as receiver:
        for _ in range(2):
            assert client.send("POST", receiver.url(), headers={}).body == b""
    assert receiver.connections == 1


def test_an_answer_after_100_is_the_answer(client):
    with receiving(answering(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)) as receiver:
        assert client.send("POST", receiver.url(), headers={}).body == b"ok"


def flood(data: bytes, *, first: bytes = b"HTTP/1.1 200 OK\r\n"):
    def behave(peer):
        peer.request()
        peer.sock.sendall(first)
        while True:
            peer.sock.sendall(data)

    return behave


def ending(data: bytes):
    def behave(peer):
        peer.request()
        peer.sock.sendall(data)

    return behave


def test_a_body_that_ends_with_its_connection_is_whole(client):
    with receiving(ending(b"HTTP/1.1 200 OK\r\n\r\nhello")) as receiver:
        got = client.send("POST", receiver.url(), headers={})
    assert (got.status, got.body, got.truncated) == (200, b"hello", False)


@pytest.mark.parametrize(
    "behave",
    [
        flood(b"A: b\r\n"),
        flood(b"A" * 1_000),
        flood(b" folded\r\n"),
        flood(b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n", first=b""),
        flood(b"x" * 1_000, first=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"),
        answering(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        answering(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\naaaaa\r\n"),
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\naa"),
        answering(b"HTTP/1.1 99999 OK\r\n\r\n"),
        answering(b"SSH-2.0-OpenSSH_9.6\r\n"),
        answering(b"\x00\xff" * 40_000),
        ending(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"),
        ending(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\na"),
        ending(b"HTTP/1.1 200 OK\r\nContent-Le"),
        lambda peer: None,
    ],
    ids=range(17),
)
def test_what_is_no_answer_in_http_fails_soon(behave, client):
    begun = time.monotonic()
    with receiving(behave) as receiver, pytest.raises(Failed) as failed:
        client.send("POST", receiver.url(), headers={})
    assert failed.value.kind == "protocol"
    assert time.monotonic() - begun < 10
