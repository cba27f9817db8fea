"""The identity provider, as the environment says it, and what the doctor says of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from config import doctor_sign_in, environment
from core import db
from people.sso.settings import Provider
from tests.factories import WorkspaceFactory
from tests.people.oidc_provider import Oidc, providing

ISSUER = "https://login.example.org/realms/staff"
USUAL = {
    "ASSENTRY_OIDC_ISSUER": ISSUER,
    "ASSENTRY_OIDC_CLIENT_ID": "assentry",
    "ASSENTRY_OIDC_CLIENT_SECRET": "secret",
}


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ASSENTRY_OIDC_ISSUER", *environment._OIDC):
        monkeypatch.delenv(name, raising=False)


def set_(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in (USUAL | values).items():
        monkeypatch.setenv(name, value)


def test_nothing_is_set_up_by_itself() -> None:
    assert environment.identity_provider() is None


def test_the_environment_names_a_provider(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_(monkeypatch)
    found = environment.identity_provider()
    assert found == Provider(ISSUER, "assentry", "secret")
    assert found is not None
    assert "secret" not in repr(found)
    assert not found.only
    assert found.workspace is None
    (tmp_path / "secret").write_text("from a file\n")
    set_(
        monkeypatch,
        ASSENTRY_OIDC_CLIENT_SECRET="",
        ASSENTRY_OIDC_CLIENT_SECRET_FILE=str(tmp_path / "secret"),
        ASSENTRY_OIDC_SCOPES="openid email  groups",
        ASSENTRY_OIDC_NAME="Example ID",
        ASSENTRY_OIDC_GROUPS_CLAIM="roles",
        ASSENTRY_OIDC_WORKSPACE="acme",
        ASSENTRY_OIDC_ONLY="1",
    )
    assert environment.identity_provider() == Provider(
        ISSUER,
        "assentry",
        "from a file",
        ("openid", "email", "groups"),
        "Example ID",
        "roles",
        "acme",
        only=True,
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ASSENTRY_OIDC_ISSUER", "login.example.org", "must be the provider's address"),
        ("ASSENTRY_OIDC_ISSUER", "https://", "must be the provider's address"),
        ("ASSENTRY_OIDC_ISSUER", "https://[::1", "must be the provider's address"),
        ("ASSENTRY_OIDC_ISSUER", "http://login.example.org", "must be https"),
        ("ASSENTRY_OIDC_ISSUER", f"{ISSUER}?tenant=1", "no user name, query or fragment"),
        ("ASSENTRY_OIDC_ISSUER", "https://a:b@login.example.org", "no user name"),
        ("ASSENTRY_OIDC_ISSUER", f"https://{'a' * 200}.example", "at most 200"),
        ("ASSENTRY_OIDC_ISSUER", "", "ASSENTRY_OIDC_CLIENT_ID is set: set ASSENTRY_OIDC_ISSUER"),
        ("ASSENTRY_OIDC_CLIENT_ID", "", "must be the id"),
        ("ASSENTRY_OIDC_CLIENT_SECRET", "", "must hold the client's secret"),
        ("ASSENTRY_OIDC_CLIENT_SECRET_FILE", "/nowhere", "cannot be read"),
        ("ASSENTRY_OIDC_SCOPES", "email profile", "must have openid among them"),
        ("ASSENTRY_OIDC_SCOPES", 'openid "quoted"', "must be scopes"),
        ("ASSENTRY_OIDC_NAME", "x" * 41, "1 to 40 characters"),
        ("ASSENTRY_OIDC_GROUPS_CLAIM", "x" * 201, "must name one claim"),
        ("ASSENTRY_OIDC_ONLY", "yes", "must be 1, or unset"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    set_(monkeypatch, **{name: value})
    if name.endswith("_FILE"):
        monkeypatch.delenv("ASSENTRY_OIDC_CLIENT_SECRET")
    with pytest.raises(ImproperlyConfigured, match=words) as refusal:
        environment.identity_provider()
    assert str(refusal.value).startswith("ASSENTRY_OIDC_")


def test_the_doctor_says_whether_the_provider_answers(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    def said() -> list[tuple[str, str]]:
        return [(one.level, one.detail) for one in doctor_sign_in.single_sign_on()]

    assert said() == [("ok", "not set up: people sign in with passwords")]
    oidc: Oidc
    with providing(monkeypatch) as oidc:
        settings.OIDC = oidc.as_provider(only=True)
        well = f"{oidc.url} answers, and nobody signs in with a password"
        assert said() == [("ok", well)]
        oidc.published = []
        assert said() == [("failed", f"{oidc.url} shows no usable key")]
        oidc.broken["/keys"] = (503, {}, b"")
        assert said() == [("failed", f"{oidc.url}, asked for its keys: it answered 503")]


def test_the_doctor_misses_the_workspace_that_people_would_come_to(settings: Settings) -> None:
    workspace = WorkspaceFactory()
    for slug, level in ((workspace.slug, "ok"), ("not-there", "failed")):
        settings.OIDC = Provider(ISSUER, "assentry", "secret", workspace=slug)
        with db.connect() as conn:
            assert [one.level for one in doctor_sign_in.people_are_made(conn)] == [level]
