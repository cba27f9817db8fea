"""Callbacks as a receiver checks them: only what the endpoint's key signed, now, and once."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from assentry import SettingsError
from assentry.callbacks import (
    CallbackRefused,
    CallbackRepeated,
    Seen,
    SeenFile,
    SeenInMemory,
    v1,
    verify_callback,
    verify_signature,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

SOURCE = Path(__file__).resolve().parents[2] / "clients" / "python" / "src"
#: Published vectors: of the specification's tests, and of Svix's "verify manually".
V1: dict[str, Any] = {
    "key": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "at": "1614265330",
    "body": b'{"test": 2432232314}',
    "signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
V2: dict[str, Any] = {
    "key": "whsec_plJ3nmyCDGBKInavdOK15jsl",
    "id": "msg_loFOjxBNrRLzqYUf",
    "at": "1731705121",
    "body": b'{"event_type":"ping","data":{"success":true}}',
    "signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
}
V3 = V1 | {
    "key": "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
    "signature": "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
}
VECTORS = pytest.mark.parametrize("vector", [V1, V3], ids=["V-1", "V-3"])

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
DATA = {"kind": "request", "id": "req_1", "status": "approved", "action": "a.b", "sequence": 4}
BODY = json.dumps(
    {"type": "request.approved", "timestamp": "2026-05-01T10:00:00.5Z", "data": DATA}
).encode()
NOW = 1_777_629_600


def headers_of(vector: dict[str, Any]) -> dict[str, str]:
    return {
        "webhook-id": vector["id"],
        "webhook-timestamp": vector["at"],
        "webhook-signature": vector["signature"],
    }


def sign(body: bytes, *, key: str = SECRET, id: str = "cbk_1", at: int = NOW) -> dict[str, str]:
    """Headers, signed by what others sign with."""
    moment = datetime.fromtimestamp(at, UTC)
    signature = Webhook(key).sign(id, moment, body.decode())
    return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": signature}


def check(headers: dict[str, str], body: bytes = BODY, key: Any = SECRET, **more: Any) -> Any:
    return verify_callback(headers, body, key, **{"now": NOW, **more})


@VECTORS
def test_published_vectors(vector: dict[str, Any]) -> None:
    at = int(vector["at"])
    keys = [SECRET, vector["key"]]
    assert verify_signature(headers_of(vector), vector["body"], keys, now=at) == vector["id"]
    for wrong in (
        {**headers_of(vector), "webhook-id": vector["id"][:-1]},
        {**headers_of(vector), "webhook-timestamp": str(at + 1)},
    ):
        with pytest.raises(CallbackRefused, match="No signature"):
            verify_signature(wrong, vector["body"], keys, now=at)
    with pytest.raises(CallbackRefused, match="No signature"):
        verify_signature(headers_of(vector), vector["body"] + b" ", keys, now=at)
    with pytest.raises(CallbackRefused, match="No signature"):
        verify_signature(headers_of(vector), vector["body"], OTHER, now=at)


def test_a_published_vector_with_a_short_secret() -> None:
    """Its signature is ours; its 18 bytes are fewer than the specification asks for."""
    signed = b".".join((V2["id"].encode(), V2["at"].encode(), V2["body"]))
    secret = base64.b64decode(V2["key"].removeprefix("whsec_"))
    assert b"v1," + v1(secret, signed) == V2["signature"].encode()
    with pytest.raises(ValueError, match="24 to 64 bytes, not 18"):
        verify_signature(headers_of(V2), V2["body"], V2["key"], now=int(V2["at"]))


@VECTORS
def test_genuine_messages_that_are_no_callbacks_are_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(CallbackRefused, match="no object of type"):
        check(headers_of(vector), vector["body"], vector["key"], now=int(vector["at"]))


def test_what_a_callback_tells() -> None:
    found = check(sign(BODY))
    assert (found.id, found.type, found.sequence) == ("cbk_1", "request.approved", 4)
    assert found.timestamp == datetime(2026, 5, 1, 10, 0, 0, 500_000, tzinfo=UTC)
    assert found.data == DATA
    assert (found.request.id, found.request.status) == ("req_1", "approved")
    test = b'{"type": "endpoint.test", "timestamp": "2026-05-01T10:00:00Z", "data": {}}'
    found = check(sign(test), test)
    assert (found.type, found.request, found.sequence) == ("endpoint.test", None, None)


@given(
    data=st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers(-9999, 9999)),
    secret=st.binary(min_size=24, max_size=64),
    id=st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True),
)
def test_what_another_library_signs_is_accepted_and_nothing_else(
    data: dict[str, int], secret: bytes, id: str
) -> None:
    key = "whsec_" + base64.b64encode(secret).decode()
    body = json.dumps({"type": "t", "timestamp": "2026-05-01T10:00:00Z", "data": data}).encode()
    headers = sign(body, key=key, id=id)
    assert check(headers, body, key).data == data
    with pytest.raises(CallbackRefused):
        check(headers, body.replace(b'"t"', b'"u"'), key)


def test_what_we_accept_another_library_accepts() -> None:
    headers = sign(BODY, at=int(time.time()))
    assert check(headers, now=None).id == "cbk_1"
    assert Webhook(SECRET).verify(BODY, headers) == json.loads(BODY)


@pytest.mark.parametrize(
    ("seconds", "why"),
    [
        (-301, "in the future"),
        (-300, None),
        (0, None),
        (300, None),
        (300.5, "too old"),
        (301, "too old"),
    ],
)
def test_five_minutes_either_way(seconds: float, why: str | None) -> None:
    if why is None:
        assert check(sign(BODY), now=NOW + seconds).id == "cbk_1"
    else:
        with pytest.raises(CallbackRefused, match=why):
            check(sign(BODY), now=NOW + seconds)


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        " 1777629600",
        "1777629600 ",
        "+1777629600",
        "-1",
        "1777629600.0",
        "1e9",
        "NaN",
        "٣",
        "9" * 13,
    ],
)
def test_timestamps_are_digits(stamp: str) -> None:
    with pytest.raises(CallbackRefused, match="no number of seconds"):
        check(sign(BODY) | {"webhook-timestamp": stamp})


@pytest.mark.parametrize("named", ["", "cbk.1", "cbk 1", "cbk\n1", "ü", "x" * 257])
def test_ids_hold_nothing_that_could_move_the_parts(named: str) -> None:
    with pytest.raises(CallbackRefused, match="webhook-id is none"):
        check(sign(BODY) | {"webhook-id": named})


def test_ids_and_bodies_of_two_messages_cannot_be_exchanged() -> None:
    other = BODY.replace(b"req_1", b"req_2")
    one, two = sign(BODY, id="cbk_1"), sign(other, id="cbk_2")
    for headers, body in [
        (one, other),
        (two, BODY),
        (one | {"webhook-id": "cbk_2"}, BODY),
        (one | {"webhook-signature": two["webhook-signature"]}, BODY),
    ]:
        with pytest.raises(CallbackRefused, match="No signature"):
            check(headers, body)


def test_names_of_headers_are_in_any_case_but_not_there_twice() -> None:
    headers = {name.title(): value for name, value in sign(BODY).items()}
    assert check(headers).id == "cbk_1"
    with pytest.raises(CallbackRefused, match="webhook-id is there twice"):
        check(headers | {"WEBHOOK-ID": "cbk_2"})
    for name in sign(BODY):
        with pytest.raises(CallbackRefused, match=f"{name} is missing"):
            check({key: value for key, value in sign(BODY).items() if key != name})


JUNK = [
    "v2,AAAA",
    "v1,",
    "v1",
    ",",
    "",
    "v1,%%%",
    "v1,é",
    "v1a,AAAA",
    "V1,AAAA",
    "v1,,",
    "v1,AAAA=",
]


def test_only_the_valid_one_among_junk_counts() -> None:
    valid = sign(BODY)["webhook-signature"]
    junk = [f"{one}" for one in JUNK] + [f"v{n},{valid[3:]}" for n in range(2, 11)]
    for place in (0, 10, len(junk)):
        headers = sign(BODY) | {
            "webhook-signature": " ".join([*junk[:place], valid, *junk[place:]])
        }
        assert check(headers).id == "cbk_1"
    with pytest.raises(CallbackRefused, match="No signature"):
        check(sign(BODY) | {"webhook-signature": " ".join(junk)})
    with pytest.raises(CallbackRefused, match="too long"):
        check(sign(BODY) | {"webhook-signature": f"{valid} " + "v1,AAAA " * 2000})


def test_a_signature_of_one_kind_is_none_of_the_other() -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = "whpk_" + base64.b64encode(private.public_key().public_bytes_raw()).decode()
    signature = base64.b64encode(private.sign(b"cbk_1.%d." % NOW + BODY)).decode()
    headers = sign(BODY)
    assert check(headers | {"webhook-signature": f"v1a,{signature}"}, key=public).id == "cbk_1"
    with pytest.raises(CallbackRefused, match="No signature"):
        check(headers | {"webhook-signature": f"v1,{signature}"}, key=public)
    # The public key is no secret: whoever knows it must not be able to sign with it.
    confused = sign(BODY, key=public.replace("whpk_", "whsec_"))["webhook-signature"]
    for version in ("v1", "v1a"):
        with pytest.raises(CallbackRefused, match="No signature"):
            check(headers | {"webhook-signature": version + confused[2:]}, key=public)


def test_while_keys_are_changed_both_count() -> None:
    for key in (SECRET, OTHER):
        assert check(sign(BODY, key=key), key=[SECRET, OTHER]).id == "cbk_1"
    old_and_new = f"{sign(BODY)['webhook-signature']} {sign(BODY, key=OTHER)['webhook-signature']}"
    for key in (SECRET, OTHER):
        assert check(sign(BODY) | {"webhook-signature": old_and_new}, key=key).id == "cbk_1"


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("whsec_", "nothing"),
        ("whsec_%", "no base64"),
        ("whsec_" + "ü" * 32, "no base64"),
        ("whsec_" + base64.b64encode(bytes(23)).decode(), "24 to 64 bytes, not 23"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "24 to 64 bytes, not 65"),
        ("hwsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with"),
        ("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with"),
        (
            "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
            "signs",
        ),
        ("whpk_" + base64.b64encode(bytes(31)).decode(), "32 bytes, not 31"),
        ("whpk_", "nothing"),
        ("", "begins with"),
        ([], "no key"),
    ],
)
def test_malformed_keys_are_named_without_being_told(key: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        check(sign(BODY), key=key)
    # Also beside a good one, and whatever came in.
    with pytest.raises(ValueError, match=why):
        check({}, key=[SECRET, key] if key else key)
    assert "MfKQ9r8" not in str(refused.value)
    assert "6Xb/dCc" not in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"type": "t", "timestamp": "2026-05-01T10:00:00Z"}',
        b'{"type": 1, "timestamp": "2026-05-01T10:00:00Z", "data": {}}',
        b'{"type": "t", "timestamp": "2026-05-01T10:00:00Z", "data": []}',
        b'{"type": "t", "timestamp": "yesterday", "data": {}}',
        b'{"type": "t", "timestamp": "2026-05-01T10:00:00", "data": {}}',
        b'{"type": "t", "type": "u", "timestamp": "2026-05-01T10:00:00Z", "data": {}}',
        b"[" * 100_000,
    ],
)
def test_bodies_that_cannot_be_callbacks(body: bytes) -> None:
    signature = v1(bytes(range(32)), b"cbk_1.%d." % NOW + body).decode()
    headers = sign(BODY) | {"webhook-signature": f"v1,{signature}"}
    seen = SeenInMemory()
    with pytest.raises(CallbackRefused):
        check(headers, body, seen=seen)
    assert seen.add("cbk_1")


def make(kind: str, tmp_path: Path, **more: Any) -> Seen:
    return SeenFile(tmp_path / "seen.db", **more) if kind == "file" else SeenInMemory(**more)


@pytest.mark.parametrize("kind", ["memory", "file"])
class TestSeen:
    def test_a_callback_counts_once(self, kind: str, tmp_path: Path) -> None:
        seen = make(kind, tmp_path)
        assert check(sign(BODY), seen=seen).id == "cbk_1"
        # The next attempt has a timestamp and a signature of its own.
        with pytest.raises(CallbackRepeated) as repeated:
            check(sign(BODY, at=NOW + 9), seen=seen)
        assert repeated.value.id == "cbk_1"
        assert check(sign(BODY, id="cbk_2"), seen=seen).id == "cbk_2"

    def test_what_is_not_genuine_is_not_remembered(self, kind: str, tmp_path: Path) -> None:
        seen = make(kind, tmp_path)
        for headers in (sign(BODY, key=OTHER), sign(BODY, at=NOW - 400)):
            with pytest.raises(CallbackRefused) as refused:
                check(headers, seen=seen)
            assert not isinstance(refused.value, CallbackRepeated)
        assert check(sign(BODY), seen=seen).id == "cbk_1"

    def test_what_could_not_be_acted_on_comes_again(self, kind: str, tmp_path: Path) -> None:
        seen = make(kind, tmp_path)
        check(sign(BODY), seen=seen)
        seen.forget("cbk_1")
        seen.forget("never there")
        assert check(sign(BODY), seen=seen).id == "cbk_1"

    def test_it_is_kept_for_a_day_at_least(self, kind: str, tmp_path: Path) -> None:
        clock = {"now": 0.0}
        seen = make(kind, tmp_path, keep_s=60, clock=lambda: clock["now"])
        assert seen.add("a")
        clock["now"] = timedelta(hours=24).total_seconds()
        assert not seen.add("a")
        assert seen.add("b")
        clock["now"] += 1
        assert seen.add("a")
        assert not seen.add("b")


def test_a_file_survives_a_restart(tmp_path: Path) -> None:
    check(sign(BODY), seen=SeenFile(tmp_path / "seen.db"))
    with pytest.raises(CallbackRepeated):
        check(sign(BODY), seen=SeenFile(tmp_path / "seen.db"))


def test_of_processes_that_share_a_file_one_is_the_first(tmp_path: Path) -> None:
    program = """
import sys
from assentry.callbacks import SeenFile
seen = SeenFile(sys.argv[1])
print(sum(seen.add(f"cbk_{number}") for number in range(60)))
"""
    command = [sys.executable, "-c", program, str(tmp_path / "seen.db")]
    together = [
        subprocess.Popen(command, env={"PYTHONPATH": str(SOURCE)}, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    counts = [int(process.communicate(timeout=60)[0]) for process in together]
    assert sum(counts) == 60


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "none.db").write_text("this is no database, and longer than its header " * 40)
    for path in (tmp_path / "none.db", tmp_path / "no folder" / "seen.db"):
        with pytest.raises(SettingsError, match="cannot be used"):
            SeenFile(path)


def without(names: str, program: str) -> subprocess.CompletedProcess[str]:
    """A program, in a process that has not got these packages."""
    blocked = f"import sys\nfor name in {names.split()!r}: sys.modules[name] = None\n"
    return subprocess.run(
        [sys.executable, "-c", blocked + program],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_secrets_need_the_standard_library_only() -> None:
    program = f"""
from assentry.callbacks import verify_signature
headers, body = {headers_of(V1)!r}, {V1["body"]!r}
print(verify_signature(headers, body, {V1["key"]!r}, now={V1["at"]}))
try:
    verify_signature(headers, body, {V3["key"]!r}, now={V1["at"]})
except ImportError as error:
    print(error)
"""
    done = without("cryptography joserfc", program)
    assert done.stdout.splitlines() == [
        V1["id"],
        "Keys with whpk_ need cryptography: pip install 'assentry[permits]'",
    ], done.stderr


def test_a_clock_is_read_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Callable[[], float] = lambda: NOW + 301.0  # noqa: E731
    monkeypatch.setattr(time, "time", clock)
    with pytest.raises(CallbackRefused, match="too old"):
        check(sign(BODY), now=None)
