"""What may be called: judged by the text first, then by every address behind it."""

from __future__ import annotations

import json
import socket
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from requests_hardened.ip_filter import EXTRA_BLOCKED_NET_RANGES

from core import targets
from core.addresses import EgressConfigError, allowed_networks, is_own, is_refused
from core.http import Failed, Refused, check, origin
from tests.core.receivers import allow

VECTORS = Path(__file__).parents[1] / "vectors" / "egress_hosts_refused.json"
HOSTS: list[str] = json.loads(VECTORS.read_text(encoding="utf-8"))

PUBLIC = "93.184.216.34"
PUBLIC_SIX = "2606:4700::1111"

pytestmark = pytest.mark.usefixtures("nothing_allowed")


def why(url: str, *, plain: bool = False) -> str:
    """Return why the address is refused, or its normal form when it is not."""
    try:
        return check(url, plain=plain)
    except Refused as error:
        return str(error)


@pytest.mark.parametrize("host", HOSTS)
def test_hosts_of_the_vectors_are_refused_whatever_the_scheme_and_port(host, client):
    for scheme, port, plain in (
        ("https", "", False),
        ("https", ":443", True),
        ("http", "", True),
        ("http", ":80", True),
    ):
        url = f"{scheme}://{host}{port}/latest/meta-data/"
        assert why(url, plain=plain) == targets.HOST
        with pytest.raises(Failed) as failed:
            client.send("POST", url, headers={}, plain=plain)
        assert (failed.value.kind, failed.value.detail) == ("blocked", targets.HOST)
    for port in (":8080", ":80", ":22"):
        assert why(f"https://{host}{port}/") in {targets.HOST, targets.PORT}
        with pytest.raises(Failed, match="blocked: "):
            client.send("POST", f"https://{host}{port}/", headers={})


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("file:///etc/passwd", targets.SCHEME),
        ("gopher://example.com/", targets.SCHEME),
        ("ftp://example.com/", targets.SCHEME),
        ("unix:/run/docker.sock", targets.SCHEME),
        ("http+unix://%2Frun%2Fdocker.sock/", targets.SCHEME),
        ("javascript:alert(1)", targets.SCHEME),
        ("//example.com/", targets.SCHEME),
        ("example.com", targets.SCHEME),
        ("", targets.SCHEME),
        ("http://example.com/", targets.SCHEME),
        *((f"https://example.com:{port}/", targets.PORT) for port in (22, 25, 5432, 6379, 11211)),
        ("https://example.com:80/", targets.PORT),
        ("https://example.com:0/", targets.PORT),
        ("https://example.com:65536/", targets.PORT),
        ("https://example.com:4a3/", targets.PORT),
        ("https://example.com:٤٤٣/", targets.PORT),
        ("https://example.com:443:443/", targets.PORT),
        ("https://user@example.com/", targets.USER),
        ("https://user:secret@example.com/", targets.USER),
        ("https://@example.com/", targets.USER),
        ("https://example.com#@10.0.0.1/", targets.FRAGMENT),
        ("https://example.com/#", targets.FRAGMENT),
        ("https:///path", targets.NO_HOST),
        ("https://:443/", targets.NO_HOST),
        ("https://[::1", targets.NO_HOST),
        ("https://[::1]x/", targets.NO_HOST),
        ("https://example.com\\@10.0.0.1/", targets.CHARACTERS),
        (" https://example.com/", targets.CHARACTERS),
        ("https://exa\tmple.com/", targets.CHARACTERS),
        ("https://example.com/\r\nX: y", targets.CHARACTERS),
        ("https://127.0.0.1\x00.example.com/", targets.CHARACTERS),
        ("https://example.com/" + "a" * 2_100, targets.TOO_LONG),
    ],
)
def test_what_is_wrong_with_the_text_is_said_plainly(url, sentence, resolver, client):
    resolver.has("example.com", PUBLIC)
    assert why(url) == sentence
    with pytest.raises(Failed) as failed:
        client.send("POST", url, headers={})
    assert (failed.value.kind, failed.value.detail) == ("blocked", sentence)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "a..b",
            ".",
            "-a.example",
            "a b",
            "a%2eb",
            "x" * 64,
            ".".join(["abc"] * 80),
            "☃\u200d.test",
        ),
        *("256.1.1.1", "1.2.3.4.5", "1.1.1.01", "0x", "example.0x7f"),
        *("[v1.x]", "[1]", "[1.1.1.1]", "[::1%eth0]"),
    ],
)
def test_hosts_that_are_no_names_are_refused_without_a_lookup(host, resolver):
    assert why(f"https://{host}/") in {targets.HOST, targets.CHARACTERS}
    assert resolver.asked == []


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://EXAMPLE.COM.:443/A?b", "https://example.com/A?b"),
        ("https://example.com?x=[1]", "https://example.com/?x=[1]"),
        ("http://example.com:80/%41 ".strip(), "http://example.com/%41"),
        ("https://bücher.example/ä?ö=ü", "https://xn--bcher-kva.example/%C3%A4?%C3%B6=%C3%BC"),
        ("https://ＥＸＡＭＰＬＥ。com/", "https://example.com/"),
        (f"https://{PUBLIC}/", f"https://{PUBLIC}/"),
        ("https://[2606:4700:0:0::1111]:443/", f"https://[{PUBLIC_SIX}]/"),
    ],
)
def test_an_address_that_may_be_called_gets_its_normal_form(url, normal, resolver):
    for name in ("example.com", "xn--bcher-kva.example"):
        resolver.has(name, PUBLIC, PUBLIC_SIX)
    assert check(url, plain=True) == normal
    assert check(normal, plain=True) == normal


def test_an_origin_always_has_its_port():
    assert origin("https://Example.com/hook?x") == "https://example.com:443"
    assert origin("http://example.com") == "http://example.com:80"
    assert origin("https://[2606:4700:0::1111]:8443/") == f"https://[{PUBLIC_SIX}]:8443"
    with pytest.raises(Refused, match="user name"):
        origin("https://a@example.com")


@pytest.mark.parametrize("bad", ["127.0.0.1", "10.1.2.3", "::1", "::ffff:10.0.0.1", "fe80::1%eth0"])
def test_one_bad_address_refuses_all(bad, resolver, client):
    for found in ([PUBLIC, bad], [bad, PUBLIC], [PUBLIC_SIX, PUBLIC, bad]):
        resolver.has("mixed.test", *found)
        assert why("https://mixed.test/") == targets.HOST
        with pytest.raises(Failed, match="blocked: "):
            client.send("POST", "https://mixed.test/", headers={})


def test_refusals_do_not_tell_whether_a_host_exists(resolver):
    resolver.has("inside.test", "10.0.0.1")
    assert why("https://inside.test/") == why("https://absent.test/") == why("https://10.0.0.1/")


def test_an_address_that_became_private_is_refused_when_it_is_called(resolver, client):
    resolver.has("later.test", PUBLIC)
    assert check("https://later.test/") == "https://later.test/"
    resolver.has("later.test", "127.0.0.1")
    with pytest.raises(Failed) as failed:
        client.send("POST", "https://later.test/", headers={})
    assert (failed.value.kind, failed.value.detail) == ("blocked", targets.HOST)


def test_a_name_that_is_not_found_is_told_apart_for_the_sender_only(resolver, client):
    with pytest.raises(Failed) as failed:
        client.send("POST", "https://absent.test/", headers={})
    assert (failed.value.kind, failed.value.detail) == ("resolve", targets.HOST)


def test_allowed_networks_lift_address_scheme_and_port(monkeypatch, resolver):
    allow(monkeypatch, " 10.1.0.0/16, fd12::/64 ,192.168.7.7,")
    resolver.has("inside.test", "10.1.2.3", "fd12::5")
    resolver.has("half.test", "10.1.2.3", PUBLIC)
    assert check("http://inside.test:8080/x") == "http://inside.test:8080/x"
    assert check("https://192.168.7.7:9000/") == "https://192.168.7.7:9000/"
    assert check("https://half.test/") == "https://half.test/"
    assert why("https://half.test:8080/") == targets.PORT
    assert why("http://half.test/") == targets.SCHEME
    assert why("https://10.2.0.1/") == why("https://192.168.7.8/") == targets.HOST
    assert why("https://10.2.0.1:8080/") == why(f"https://{PUBLIC}:8080/") == targets.PORT


def test_an_allowed_network_lifts_no_metadata_address_inside(monkeypatch):
    allow(monkeypatch, "0.0.0.0/0,::/0")
    for address in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"):
        assert is_refused(ip_address(address)), address
    for carried in ("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"):
        assert is_refused(ip_address(carried)), carried
    assert not is_refused(ip_address("169.254.1.1"))
    allow(monkeypatch, "169.254.169.254,fd00:ec2::254/128")
    assert not is_refused(ip_address("169.254.169.254"))
    assert not is_refused(ip_address("fd00:ec2::254"))
    assert is_refused(ip_address("64:ff9b::a9fe:a9fe"))


@pytest.mark.parametrize("bad", ["10.0.0.1/8", "localhost", "10.0.0.1:80", "10.0.0.0/33", "*"])
def test_a_wrong_list_of_networks_is_named(monkeypatch, bad):
    allow(monkeypatch, f"127.0.0.0/8,{bad}")
    with pytest.raises(EgressConfigError) as wrong:
        allowed_networks()
    assert str(wrong.value) == (
        f"ASSENTRY_EGRESS_ALLOW: {bad!r} is neither a network nor an address"
    )


@pytest.mark.parametrize(
    "network",
    [
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7"),
        *("fe80::/10", "fec0::/10", "ff00::/8", "64:ff9b::/96", "64:ff9b:1::/48", "::/96"),
        "::ffff:0:0/96",
    ],
)
def test_special_networks_are_refused_from_end_to_end(network):
    assert is_refused(ip_network(network)[0])
    assert is_refused(ip_network(network)[-1])


def test_nothing_is_called_that_the_library_would_refuse():
    assert all(is_refused(network[1]) for network in EXTRA_BLOCKED_NET_RANGES)


@pytest.mark.parametrize(
    "address",
    [
        *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2002:808:808::1", "64:ff9b::808:808"),
        *("64:ff9b:1::808:808", "::8.8.8.8", "::ffff:8.8.8.8"),
        *("::", "100::1", "fc00::1", "ff0e::1", "4000::1"),
    ],
)
def test_six_that_is_not_global_or_carries_four_is_refused(address):
    assert is_refused(ip_address(address))


def test_public_addresses_are_not_refused():
    for address in (PUBLIC, PUBLIC_SIX, "1.1.1.1", "2001:4860:4860::8888", "223.255.255.1"):
        assert not is_refused(ip_address(address)), address


def test_addresses_of_this_machine_are_its_own():
    assert is_own(ip_address("127.0.0.1"))
    assert not is_own(ip_address(PUBLIC))
    assert not is_own(ip_address("192.0.2.1"))


def test_a_public_address_of_this_machine_is_refused(monkeypatch):
    class OnAnInterface(socket.socket):
        """What the kernel would say, had an interface the address."""

        def connect(self, _):
            pass

        def getsockname(self):
            return (PUBLIC, 40_000)

    monkeypatch.setattr("socket.socket", OnAnInterface)
    assert is_refused(ip_address(PUBLIC))
    assert not is_refused(ip_address("1.1.1.1"))
