"""Which operating system user runs PostgreSQL: it refuses to run as root."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.errors import Refused

USER_VARIABLE = "ASSENTRY_POSTGRES_USER"
DEFAULT_USER = "nobody"


@dataclass(frozen=True)
class Account:
    """The user PostgreSQL runs as; `switch` is True when that is not the present user."""

    name: str
    uid: int
    gid: int
    switch: bool

    def popen_arguments(self) -> dict[str, Any]:
        """Keyword arguments for `subprocess` that run a program as this user."""
        if not self.switch:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make this user the owner of one file or folder of ours."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """True when this user may pass through `folder` and all its parents."""
        if not self.switch:
            return os.access(folder, os.X_OK)
        # Tried for real: modes alone say nothing about access lists or squashed mounts.
        tried = subprocess.run(
            ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)],
            cwd="/",
            stderr=subprocess.DEVNULL,
            check=False,
            **self.popen_arguments(),
        )
        return tried.returncode == 0


def server_account(owned: Path | None = None) -> Account:
    """The user for the server; the owner of `owned`, an existing cluster, when we are root.

    Raises `Refused` when there is no such user, or when PostgreSQL could not run as it.
    """
    uid = os.geteuid()
    if uid != 0:
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            raise Refused(
                f"The user id {uid} has no entry in /etc/passwd, and PostgreSQL cannot start "
                "without one: run as a user that has, or set DATABASE_URL to a PostgreSQL "
                "server (15 or newer)."
            ) from None
        return Account(entry.pw_name, uid, entry.pw_gid, switch=False)
    if owned is not None and owned.exists() and (owner := owned.stat()).st_uid != 0:
        return Account(_name(owner.st_uid), owner.st_uid, owner.st_gid, switch=True)
    name = os.environ.get(USER_VARIABLE, DEFAULT_USER)
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise Refused(
            f"PostgreSQL does not run as root, and there is no user {name!r} to run it as: "
            f"name one with {USER_VARIABLE}=…, or set DATABASE_URL."
        ) from None
    if entry.pw_uid == 0:
        raise Refused(f"PostgreSQL does not run as root: {USER_VARIABLE} must name another user.")
    return Account(name, entry.pw_uid, entry.pw_gid, switch=True)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
