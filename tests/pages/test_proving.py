"""Deciding on what takes a second factor: given for exactly this, once, just now, or nothing is decided."""

from __future__ import annotations

import msgspec
import pytest

from approvals.models import Decision
from people import passkeys
from tests.approvals.revisions import revise
from tests.events import events_of
from tests.factories import PASSWORD, user_of
from tests.pages.browser import Browser, Node, Page
from tests.pages.doorstep import (
    ask,
    at_second_step,
    code_form,
    passkey_form,
    signed_in,
    use,
    with_app,
    with_key,
)
from tests.pages.office import Office, stored, votes
from tests.people.steps import App, challenges_older, sessions_older, wrong_codes
