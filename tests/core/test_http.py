"""Outbound HTTP: one call goes to one judged address, and nothing else decides where."""

from __future__ import annotations

import itertools
import os

import pytest

from core.http import Client, Failed
from core.targets import HOST
from tests.core.receivers import allow, answering, receiving

pytestmark = pytest.mark.usefixtures("loopback_allowed")


def head(request: bytes) -> dict[str, str]:
    lines = request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def test_a_request_arrives_as_it_was_meant_and_its_answer_comes_back(client):
    answer = b"HTTP/1.1 202 Fine\r\nX-One: 1\r\nx-one: 2\r\nContent-Length: 5\r\n\r\nhello"
    with receiving(answering(answer)) as receiver:
        got = client.send(
            "POST",
            receiver.url("/hook/ä?x=%20y"),
            headers={"webhook-id": "msg_1", "Content-Type": "application/json"},
            body=b'{"a": 1}',
        )
    (request,) = receiver.requests
    assert request.startswith(b"POST /hook/%C3%A4?x=%20y HTTP/1.1\r\n")
    assert request.endswith(b'\r\n\r\n{"a": 1}')
    assert head(request) == {
        "host": f"127.0.0.1:{receiver.port}",
        "accept-encoding": "identity",
        "content-length": "8",
        "webhook-id": "msg_1",
        "content-type": "application/json",
        "user-agent": "Assentry",
    }
    assert (got.status, got.body, got.truncated) == (202, b"hello", False)
    assert got.headers == {"x-one": "1, 2", "content-length": "5"}
    assert 0 < got.seconds < 15


def test_headers_that_frame_the_request_are_ours(client):
    theirs = {
        "Host": "metadata.google.internal",
        "content-length": "99",
        "Transfer-Encoding": "chunked",
        "Accept-Encoding": "gzip",
        "Connection": "close",
        "User-Agent": "Theirs",
    }
    with receiving() as receiver:
        for _ in range(2):
            client.send("POST", receiver.url(), headers=theirs, body=b"abc")
    assert receiver.connections == 1
    assert head(receiver.requests[0]) == {
        "host": f"127.0.0.1:{receiver.port}",
        "accept-encoding": "identity",
        "content-length": "3",
        "user-agent": "Theirs",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-A", "1\r\nX-B: 2"), ("X-A", "1\n 2"), ("X-A", "\0"), ("X A", "1"), ("", "1"), ("X", "☃")],
)
def test_a_header_that_could_become_two_is_not_sent(name, value, client):
    with receiving() as receiver, pytest.raises(Failed, match="protocol: A header") as failed:
        client.send("POST", receiver.url(), headers={name: value})
    assert failed.value.kind == "protocol"
    assert receiver.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(status, client):
    with receiving() as elsewhere:
        redirect = (
            f"HTTP/1.1 {status} Go\r\nLocation: {elsewhere.url()}\r\nContent-Length: 0\r\n\r\n"
        )
        with receiving(answering(redirect.encode())) as receiver:
            got = client.send("POST", receiver.url(), headers={}, body=b"x")
    assert (got.status, got.headers["location"]) == (status, elsewhere.url())
    assert len(receiver.requests) == 1
    assert elsewhere.connections == 0


def test_proxies_netrc_and_bundles_of_the_environment_are_ignored(client, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "absent.pem"))
    with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url("/"))
        monkeypatch.setenv("NO_PROXY", "")
        assert client.send("POST", receiver.url(), headers={}).status == 200
    assert proxy.connections == 0
    assert "authorization" not in head(receiver.requests[0])


def test_cookies_end_with_their_answer(client):
    cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"
    with receiving(answering(cookie)) as receiver:
        got = client.send("POST", receiver.url(), headers={})
        client.send("POST", receiver.url(), headers={})
    assert got.headers["set-cookie"] == "a=b; Path=/"
    assert [request for request in receiver.requests if b"ookie" in request] == []


def test_a_name_that_answers_public_first_and_loopback_next_never_reaches_loopback(
    client, monkeypatch, resolver
):
    # 127.0.0.2 is what may be called here, and the rest of loopback is not.
    allow(monkeypatch, "127.0.0.2")
    turns = itertools.cycle([["127.0.0.2"], ["127.0.0.1"]])
    resolver.names["rebinding.test"] = lambda: next(turns)
    kinds = []
    with (
        receiving(host="127.0.0.2") as reachable,
        receiving(host="127.0.0.1", port=reachable.port) as forbidden,
    ):
        for _ in range(1_000):
            try:
                client.send("POST", reachable.url(name="rebinding.test"), headers={})
            except Failed as failed:
                kinds.append(failed.kind)
    assert forbidden.connections == 0
    assert len(reachable.requests) == 500
    assert kinds == ["blocked"] * 500
    assert (
        len(resolver.asked) == 1_000
    )  # each call asks once: there is no second answer to fall for
    assert all(
        head(request)["host"] == f"rebinding.test:{reachable.port}"
        for request in reachable.requests
    )


def test_a_client_says_who_calls():
    with receiving() as receiver:
        Client(user_agent="Assentry/1 (+https://a.test)").send("GET", receiver.url(), headers={})
    assert head(receiver.requests[0])["user-agent"] == "Assentry/1 (+https://a.test)"
    assert "content-length" not in head(receiver.requests[0])


def test_plain_http_is_blocked_unless_the_workspace_allows_it(client, monkeypatch, resolver):
    allow(monkeypatch, "")
    resolver.has("public.test", "93.184.216.34")
    with pytest.raises(Failed) as failed:
        client.send("POST", "http://public.test/", headers={})
    assert failed.value.kind == "blocked"
    with pytest.raises(Failed) as failed:
        client.send("POST", "http://127.0.0.1/", headers={}, plain=True)
    assert (failed.value.kind, failed.value.detail) == ("blocked", HOST)


def test_nothing_of_a_call_is_logged(client, caplog):
    with caplog.at_level("DEBUG"):
        odd = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nbroken secret\r\n\r\n"
        with receiving(answering(odd)) as receiver:
            client.send("POST", receiver.url("/secret"), headers={})
    assert "secret" not in caplog.text
    assert os.environ.get("ASSENTRY_EGRESS_ALLOW") == "127.0.0.0/8"
