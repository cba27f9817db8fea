"""What the product signs, the client takes, with either key, and while keys are changed."""

from __future__ import annotations

import json
import time

import pytest
from assentry.callbacks import CallbackRefused, verify_callback

from signing import signatures

BODY = json.dumps(
    {"type": "request.approved", "timestamp": "2026-05-01T10:00:00Z", "data": {"kind": "request"}}
).encode()


def test_both_kinds_of_keys_check_what_the_product_signs() -> None:
    old, new, other = (signatures.new_pair() for _ in range(3))
    headers = signatures.headers("cbk_1", int(time.time()), BODY, [new, old])
    for pair in (old, new):
        secret, public = signatures.show_secret(pair.secret), signatures.show_public(pair.public)
        assert verify_callback(headers, BODY, secret).id == "cbk_1"
        assert verify_callback(headers, BODY, public).type == "request.approved"
    for key in (signatures.show_secret(other.secret), signatures.show_public(other.public)):
        with pytest.raises(CallbackRefused):
            verify_callback(headers, BODY, key)
