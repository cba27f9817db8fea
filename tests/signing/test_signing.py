"""Secrets at rest and the keys that sign: bound to their place, changed without a stop."""

from __future__ import annotations

import base64
import json
import secrets

import pytest
from django.conf import settings
from django.core.management import call_command

from callbacks import endpoints
from callbacks.endpoints import Wanted
from core import addresses
from core.db import pool
from oversight import rotation
from signing.keys import PERMIT, key_set, signers
from signing.sealing import CannotOpen, Sealer, sealer
from signing.sealing_keys import BadSealingKey, parse_keys
from tests.approvals.world import TEST, World


def test_a_sealed_value_opens_at_its_place_alone():
    key, other = secrets.token_bytes(32), secrets.token_bytes(32)
    sealed = Sealer([key]).seal(b"secret", "endpoint a secret")
    assert b"secret" not in sealed
    assert Sealer([other, key]).open(sealed, "endpoint a secret") == b"secret"
    for place, keys, value in (
        ("endpoint b secret", [key], sealed),
        ("endpoint a secret", [other], sealed),
        ("endpoint a secret", [key], sealed[:-1] + bytes([sealed[-1] ^ 1])),
        ("endpoint a secret", [key], sealed[:5]),
        ("endpoint a secret", [key], b""),
    ):
        with pytest.raises(CannotOpen) as caught:
            Sealer(keys).open(value, place)
        assert "secret'" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "  ", "abc", "!" * 43, base64.b64encode(bytes(32)).decode(), "a" * 43 + "=" * 9]
)
def test_what_is_no_key_is_refused(text):
    with pytest.raises(BadSealingKey):
        parse_keys(text)


def test_several_keys_are_read_in_their_order():
    keys = [secrets.token_bytes(32) for _ in range(2)]
    text = f"{base64.urlsafe_b64encode(keys[0]).decode()}\n{base64.b64encode(keys[1]).decode()},"
    assert parse_keys(text) == keys


def test_a_rotated_key_stays_in_the_set_and_every_log_says_so(capsys):
    world = World({"lead": ["ana"]})
    before = signers.current(PERMIT).id
    call_command("signing_key_rotate", "--json")
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["before"] == before
    listed = [key["kid"] for key in key_set(PERMIT)["keys"]]
    assert listed[0] == said["after"] == signers.current(PERMIT).id
    assert before in listed
    assert "d" not in key_set(PERMIT)["keys"][0]
    with pool().connection() as conn:
        found = conn.execute(
            "SELECT count(*) FROM audit_event WHERE workspace_id = %s AND kind = 'signing_key.rotated'",
            [world.workspace.id],
        ).fetchone()
    assert found == (1,)


def test_secrets_are_sealed_anew_with_the_first_key(monkeypatch):
    monkeypatch.setenv("ASSENTRY_EGRESS_ALLOW", "127.0.0.0/8")
    addresses.allowed_networks.cache_clear()
    world = World({"lead": ["ana"]})
    made = endpoints.create(
        actor=TEST,
        agent=world.agent,
        wanted=Wanted(url="http://127.0.0.1:9/x", headers={"x-a": "b"}),
    )
    old = list(settings.SEALING_KEYS)
    monkeypatch.setattr(settings, "SEALING_KEYS", [secrets.token_bytes(32), *old])
    try:
        done = rotation.reseal()
        assert done.changed >= 3
        assert rotation.reseal().changed == 0
        kept = made.endpoint.keys.get()
        assert sealer().is_newest(bytes(kept.secret))
        assert sealer().open(bytes(kept.secret), endpoints.about(kept.id, "secret"))
    finally:
        monkeypatch.setattr(settings, "SEALING_KEYS", [*old, settings.SEALING_KEYS[0]])
        rotation.reseal()
        monkeypatch.undo()
        addresses.allowed_networks.cache_clear()
