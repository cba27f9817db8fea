"""Argon2 with the least work it accepts, so that a hundred sign-ins cost no seconds."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2(Argon2PasswordHasher):
    """The product's hasher with cheap parameters; tests/people holds the real ones to their floor."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
