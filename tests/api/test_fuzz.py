"""Schemathesis over the OpenAPI document, all checks, as an agent and as a person: no failure.

Bounded in time, so that a run of the suite stays short; `ASSENTRY_FUZZ_SECONDS` asks for more.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.tenant import Tenant

SECONDS = int(os.environ.get("ASSENTRY_FUZZ_SECONDS", "12"))


@pytest.mark.parametrize("role", ["agent", "person"])
def test_no_input_breaks_it(tenant: Tenant, role: str, tmp_path: Path) -> None:
    if role == "agent":
        headers, left_out = dict(tenant.headers), ["positive_data_acceptance"]
    else:
        tenant.administrator()
        owner = tenant.person(tenant.owner)
        cookies = "; ".join(f"{name}={value}" for name, value in owner.http.cookies.items())
        headers = {"Cookie": cookies, "X-CSRFToken": str(owner.http.headers["X-CSRFToken"])}
        # The cookie comes with every call here, so taking it away cannot be tried.
        left_out = ["positive_data_acceptance", "ignored_auth"]
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{tenant.server.api}/openapi.json"),
        *("--url", tenant.server.url, "--max-time", str(SECONDS), "--no-color"),
        # What is acceptable is for a workspace's policy to say, not for a schema.
        *("--checks", "all", "--exclude-checks", ",".join(left_out)),
        *("--phases", "examples,coverage,fuzzing", "--max-examples", "20", "--seed", "1"),
        *("--request-timeout", "70", "--warnings", "off", "--generation-database", "none"),
        *("--exclude-path", "/api/v1/inbox/events", "--exclude-path", "/api/v1/session"),
        # It asks Slack who the app is, and says 502 where Slack does not answer.
        *("--exclude-path", "/api/v1/channels/slack"),
    ]
    if role == "person":
        command += ["--generation-with-security-parameters", "false"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=SECONDS + 120
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
