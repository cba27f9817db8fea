"""Settings of the test suite: the real ones, on the databases that ``tests/conftest.py`` made."""

from __future__ import annotations

import os

os.environ.setdefault(
    "ASSENTRY_SECRET_KEY", "the-test-suite-signs-with-this-key-and-nothing-else-ever-does"
)
os.environ.setdefault("ASSENTRY_SEALING_KEY", "dGhlIHRlc3Qgc3VpdGUgc2VhbHMgd2l0aCB0aGlzIGs")
os.environ.setdefault("ASSENTRY_BASE_URL", "http://127.0.0.1:8750")
os.environ.setdefault("DATABASE_URL", "postgresql://assentry@localhost/unset")
os.environ.setdefault("ASSENTRY_OWNER_URL", "postgresql://assentry_owner@localhost/unset")

from config.settings import *  # noqa: F403

# The work of Argon2 is not under test; its parameters are asserted in tests/people.
PASSWORD_HASHERS = ["tests.hashers.QuickArgon2"]

#: Workers that tests start must not lay down checkpoints where somebody's own instance does.
ANCHOR_DIR = None
#: Nor send mail to where somebody's own instance does.
SMTP = None
#: Nor call Slack: whoever tests it starts one of their own.
SLACK_API_URL = "http://127.0.0.1:9/api/"
#: Nor sign in at somebody's provider: whoever tests it runs one of their own.
OIDC = None
