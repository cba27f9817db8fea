"""TLS of outbound calls: the name that was typed is proven, and a certificate of ours has one reader."""

from __future__ import annotations

import ssl
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.http import Failed
from tests.core.certificates import Authority, self_signed, serving_as
from tests.core.receivers import Receiver, Resolver, receiving

pytestmark = pytest.mark.usefixtures("loopback_allowed")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("An authority")


@pytest.fixture(autouse=True)
def _trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The operator trusts the authority, in the way OpenSSL has for that."""
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@pytest.fixture(autouse=True)
def _names(resolver: Resolver) -> None:
    resolver.has("one.test", "127.0.0.1")
    resolver.has("two.test", "127.0.0.1")


@pytest.fixture
def receiver(authority: Authority, tmp_path: Path) -> Iterator[Receiver]:
    with receiving(tls=serving_as(authority.issue("one.test"), tmp_path)) as made:
        yield made


def one(receiver: Receiver) -> str:
    return receiver.url(scheme="https", name="one.test")


def failure(client, url, **options) -> Failed:
    with pytest.raises(Failed) as failed:
        client.send("POST", url, headers={}, **options)
    assert failed.value.kind == "tls"
    assert "127.0.0.1" not in failed.value.detail
    return failed.value


def test_a_verified_connection_is_kept(client, receiver):
    for _ in range(3):
        assert client.send("POST", one(receiver), headers={}, body=b"x").status == 200
    assert receiver.connections == 1
    assert len(receiver.requests) == 3


def test_the_name_is_sent_for_the_server_to_choose_by(client, authority, tmp_path):
    names = []
    context = serving_as(authority.issue("one.test"), tmp_path)
    context.sni_callback = lambda _, name, __: names.append(name)
    with receiving(tls=context) as receiver:
        assert client.send("POST", one(receiver), headers={}).status == 200
    assert names == ["one.test"]


def test_an_address_is_proven_by_a_certificate_for_it(client, authority, tmp_path):
    with receiving(tls=serving_as(authority.issue("127.0.0.1"), tmp_path)) as receiver:
        assert client.send("POST", receiver.url(scheme="https"), headers={}).status == 200


def test_a_certificate_that_has_expired_is_refused(client, authority, tmp_path):
    pair = authority.issue("one.test", days=-1)
    with receiving(tls=serving_as(pair, tmp_path)) as receiver:
        assert "expired" in failure(client, one(receiver)).detail
    assert receiver.requests == []


def test_a_certificate_for_another_host_is_refused(client, receiver):
    url = receiver.url(scheme="https", name="two.test")
    assert "mismatch" in failure(client, url).detail.lower()
    with pytest.raises(Failed, match="tls"):
        client.send("POST", receiver.url(scheme="https"), headers={})
    assert receiver.requests == []


def test_a_kept_connection_proves_no_other_name(client, receiver):
    assert client.send("POST", one(receiver), headers={}).status == 200
    failure(client, receiver.url(scheme="https", name="two.test"))
    assert len(receiver.requests) == 1


def test_a_certificate_that_signed_itself_is_refused(client, tmp_path):
    with receiving(tls=serving_as(self_signed("one.test"), tmp_path)) as receiver:
        failure(client, one(receiver))
    assert receiver.requests == []


def test_a_certificate_of_a_strange_authority_is_refused(client, tmp_path):
    pair = Authority("Another").issue("one.test")
    with receiving(tls=serving_as(pair, tmp_path)) as receiver:
        failure(client, one(receiver))
    assert receiver.requests == []


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_tls_before_1_2_is_refused(version, client, authority, tmp_path):
    context = serving_as(authority.issue("one.test"), tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion[version]
        context.maximum_version = ssl.TLSVersion[version]
    with receiving(tls=context) as receiver:
        failure(client, one(receiver))
    assert receiver.requests == []


def test_a_peer_without_tls_is_refused(client):
    with receiving(lambda peer: peer.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")) as receiver:
        failure(client, one(receiver))


def test_a_client_certificate_is_shown_to_its_endpoint_only(client, authority, tmp_path):
    def asking(name):
        context = serving_as(authority.issue(name), tmp_path)
        context.load_verify_locations(tmp_path / "ca.pem")
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    first, second = authority.issue("client-1"), authority.issue("client-2")
    with receiving(tls=asking("one.test")) as mine, receiving(tls=asking("two.test")) as other:
        url, others = one(mine), other.url(scheme="https", name="two.test")
        for certificate in (first, first, None, second, None, first):
            assert client.send("GET", url, headers={}, certificate=certificate).status == 200
        assert client.send("GET", others, headers={}).status == 200
    shown = [cert and cert["subject"][0][0][1] for cert in mine.shown]
    assert shown == ["client-1", None, "client-2"]  # one connection for each, kept apart
    assert other.shown == [None]


def test_a_client_certificate_that_the_peer_refuses_is_a_failure_of_tls(
    client, authority, tmp_path
):
    context = serving_as(authority.issue("one.test"), tmp_path)
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with receiving(tls=context) as receiver:
        failure(client, one(receiver))
        certificate = authority.issue("client")
        got = client.send("POST", one(receiver), headers={}, certificate=certificate)
        assert got.status == 200


def test_a_private_key_does_not_stay_on_disk(client, authority, receiver, monkeypatch, tmp_path):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    certificate = authority.issue("client")
    assert client.send("POST", one(receiver), headers={}, certificate=certificate).status == 200
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_client_certificate_that_cannot_be_used_fails_before_anything_is_sent(
    client, authority, receiver
):
    good, other = authority.issue("client"), authority.issue("client")
    locked = authority.issue("client", password=b"secret")
    for certificate in ((b"", b""), (good[0], b"none"), (good[0], other[1]), locked):
        for _ in range(2):
            assert (
                "client certificate"
                in failure(client, one(receiver), certificate=certificate).detail
            )
    assert receiver.connections == 0
