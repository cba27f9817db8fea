"""Each command through its own door: arguments in, one JSON object and honest exit codes out."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from guardian.shortcuts import get_user_perms

from agents import keys
from agents.models import Agent, Key
from core import ids
from people import links
from people.models import Membership, Person
from people.permissions import permissions_of
from people.services import create_person
from policies.models import Policy, PolicyVersion
from tests.events import events_of, kinds_of
from tests.factories import (
    ACTOR,
    PASSWORD,
    PersonFactory,
    RoleFactory,
    WorkspaceFactory,
    user_of,
)
from tests.people.steps import App

POLICY = """
assentry: 1
fallback: lead
roles:
  lead: {{title: Lead, members: [{member}]}}
actions:
  site.publish: {{title: Publish}}
rules: []
"""


@pytest.fixture
def stdin(monkeypatch):
    """Write to what the command reads."""

    def write(text: str) -> None:
        content = io.BytesIO(text.encode())
        fake = SimpleNamespace(buffer=content, read=lambda: content.read().decode())
        monkeypatch.setattr(sys, "stdin", fake)

    return write


def run(*arguments: str):
    """The object that the command printed on its last line."""
    out = io.StringIO()
    call_command(*arguments, "--json", stdout=out)
    return json.loads(out.getvalue().splitlines()[-1])


def refuse(*arguments: str):
    """The object and the text of a command that must fail."""
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command(*arguments, "--json", stdout=out)
    return json.loads(out.getvalue().splitlines()[-1]), str(caught.value)


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def person(workspace):
    return PersonFactory(workspace=workspace)


def test_workspace_create():
    slug = "made-by-command"
    said = run("workspace_create", slug, "--name", "Made")
    assert (said["slug"], said["name"], said["id"][:4]) == (slug, "Made", "wsp_")
    failed, text = refuse("workspace_create", slug)
    assert failed["argument"] == "SLUG"
    assert text.startswith("SLUG: There is already")


def test_person_create_reads_the_password_and_makes_an_administrator(workspace, stdin):
    stdin(PASSWORD + "\n")
    said = run(
        "person_create", workspace.slug, "Ana@One.example", "--password-stdin", "--administrator"
    )
    assert (said["email"], said["user_existed"]) == ("ana@one.example", False)
    person = Person.objects.get(workspace=workspace)
    assert user_of(person).check_password(PASSWORD)
    assert kinds_of(workspace.id)[-2:] == ["person.created", "permission.granted"]
    [event] = events_of(workspace.id, "person.created")
    assert event["actor"] == {"type": "operator", "id": None, "via": "person_create"}


def test_person_create_never_changes_the_password_of_who_exists(workspace, stdin):
    first = PersonFactory()
    stdin("another long passphrase")
    said = run("person_create", workspace.slug, first.user.email, "--password-stdin")
    assert said["user_existed"] is True
    assert user_of(first).check_password(PASSWORD)


def test_person_create_refuses_a_weak_password_and_makes_nobody(workspace, stdin):
    stdin("short\n")
    _, text = refuse("person_create", workspace.slug, "weak@one.example", "--password-stdin")
    assert text.startswith("--password-stdin: The password is too weak. This password is too short")
    assert not Person.objects.filter(workspace=workspace).exists()


def test_person_deactivate(workspace, person):
    assert run("person_deactivate", workspace.slug, person.user.email)["changed"] is True
    assert run("person_deactivate", workspace.slug, person.user.email)["changed"] is False


def test_person_factors_remove(workspace, person):
    App(user_of(person)).set_up()
    said = run("person_factors_remove", person.user.email.upper())
    assert said == {"email": person.user.email, "removed": ["totp", "recovery_code"]}
    assert run("person_factors_remove", person.user.email)["removed"] == []
    _, text = refuse("person_factors_remove", "b@c.example")
    assert text == "EMAIL: There is no user “b@c.example”: check the spelling."


def test_role_grant_and_revoke(workspace, person):
    role = RoleFactory(workspace=workspace, name="lead")
    run("role_grant", workspace.slug, "lead", person.user.email)
    assert Membership.objects.get(role=role).person_id == person.id
    assert run("role_revoke", workspace.slug, "lead", person.user.email)["still_held_by"] == []
    _, text = refuse("role_revoke", workspace.slug, "lead", person.user.email)
    assert text == f"EMAIL: “{person.user.email}” does not hold the role “lead”."


def test_agent_and_keys(workspace, person):
    agent = run("agent_create", workspace.slug, "bot", "--owner", person.user.email)
    assert agent["id"].startswith("agt_")
    assert keys.parse(agent["key"]).kind == "agt"
    second = run(
        *("key_create", workspace.slug, "--kind", "agt", "--agent", "bot"),
        *("--expires-in", "30d", "--rate-limit", "10"),
    )
    key = Key.objects.get(agent__workspace=workspace, rate_limit=10)
    assert keys.parse(second["key"]).id == key.id
    assert second["expires_at"].endswith("Z")
    assert key.expires_at is not None
    assert (key.expires_at - key.created_at).days in (29, 30)
    assert run("key_revoke", workspace.slug, second["id"])["changed"] is True
    assert run("key_revoke", workspace.slug, second["id"])["changed"] is False
    assert [k for k in kinds_of(workspace.id) if k.startswith("key.")] == [
        "key.created",
        "key.created",
        "key.revoked",
    ]
    secret = second["key"].rpartition("_")[2]
    assert not any(secret in str(event) for event in events_of(workspace.id))


def test_agent_create_makes_no_agent_without_an_owner(workspace):
    _, text = refuse("agent_create", workspace.slug, "bot", "--owner", "nobody@one.example")
    assert text.startswith("--owner: “nobody@one.example” is nobody in workspace")
    assert not Agent.objects.filter(workspace=workspace).exists()


def test_policy_apply(workspace, person, tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.format(member=person.user.email))
    first = run("policy_apply", workspace.slug, str(file))
    assert (first["version"], first["changed"], first["roles_created"]) == (1, True, ["lead"])
    again = run("policy_apply", workspace.slug, str(file))
    assert (again["version"], again["changed"]) == (1, False)


def test_policy_apply_says_line_and_column(workspace, tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.format(member="nobody@one.example"))
    failed, text = refuse("policy_apply", workspace.slug, str(file))
    [error] = failed["errors"]
    assert (error["line"], error["column"]) == (5, 33)
    assert f"{file}:5:33: “nobody@one.example” is nobody in this workspace" in text
    assert not PolicyVersion.objects.filter(workspace=workspace).exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), (b"\xff\xfe", "is not UTF-8"), (b"", "1:1"), (b"- [", "not YAML")],
)
def test_policy_apply_refuses_what_is_no_policy(workspace, tmp_path, content, said):
    file = tmp_path / "policy.yaml"
    if content is not None:
        file.write_bytes(content)
    _, text = refuse("policy_apply", workspace.slug, str(file))
    assert said in text


CASES = """tests:
  - {{name: Fine, given: {{action: site.publish, payload: {{}}}}, expect: {{effect: ask}}}}
  - {{given: {{action: site.publish, payload: {{}}}}, expect: {{effect: {effect}}}}}
"""


def found(code: int, *arguments: str):
    """The object, and the text, of a command that ends with this exit code."""
    objects = []
    for more in (["--json"], []):
        out = io.StringIO()
        try:
            call_command(*arguments, *more, stdout=out)
            ended: object = 0
        except SystemExit as end:
            ended = end.code
        except CommandError as error:
            ended = error.returncode
        assert ended == code
        objects.append(out.getvalue())
    return json.loads(objects[0].splitlines()[-1]), objects[1]


@pytest.fixture
def document(tmp_path, person):
    """Write a policy with its cases to a file."""

    def write(effect: str = "ask", member: str = "") -> str:
        file = tmp_path / "policy.yaml"
        text = POLICY.format(member=member or person.user.email) + CASES.format(effect=effect)
        file.write_text(text)
        return str(file)

    return write


def test_policy_check(workspace, document):
    said, text = found(0, "policy_check", document())
    assert said == {
        "ok": True,
        "errors": [],
        "warnings": [],
        "roles": 1,
        "actions": 1,
        "rules": 0,
        "tests": 2,
    }
    assert text.endswith("is a policy: roles 1, actions 1, rules 0, tests 2.\n")
    said, text = found(1, "policy_check", document("deny"))
    assert [(one["line"], one["path"]) for one in said["errors"]] == [(11, "/tests/1")]
    assert text.endswith(
        "policy.yaml:11:5: Case fails: expected effect deny; it comes to ask as no rule matches: lead.\n"
    )
    stranger = document(member="nobody@example.com")
    assert found(0, "policy_check", stranger)[0]["ok"] is True
    said, _ = found(1, "policy_check", stranger, "--workspace", workspace.slug)
    assert [one["line"] for one in said["errors"]] == [5]
    assert found(0, "policy_check", document(), "--workspace", workspace.slug)[0]["ok"] is True


def test_policy_test(document):
    said, text = found(0, "policy_test", document())
    assert (said["ok"], said["passed"], said["failed"]) == (True, 2, 0)
    assert [line.split()[0] for line in text.splitlines()] == ["ok", "ok", "2"]
    said, text = found(1, "policy_test", document("deny"))
    assert (said["ok"], said["passed"], said["failed"]) == (False, 1, 1)
    assert said["cases"][1] == {
        "name": None,
        "line": 11,
        "passed": False,
        "expected": {"effect": "deny"},
        "came": {
            "effect": "ask",
            "rule": None,
            "stages": [["lead"]],
            "approvals": [1],
            "channels": ["slack", "email", "web"],
            "assurance": "chat",
        },
        "differs": "expected effect deny; it comes to ask as no rule matches: lead",
    }
    assert text.splitlines()[-1] == "1 passed, 1 failed."
    assert text.splitlines()[1].startswith("failed  ")


def test_policy_diff(workspace, document):
    said, _ = found(1, "policy_diff", workspace.slug, document())
    assert (said["against"], {one["change"] for one in said["changes"]}) == (
        None,
        {"added", "changed"},
    )
    run("policy_apply", workspace.slug, document())
    said, text = found(0, "policy_diff", workspace.slug, document())
    assert said == {"ok": True, "errors": [], "against": 1, "changes": [], "effects": []}
    assert text == "Nothing changes against version 1.\n"
    changed = document().replace("policy.yaml", "other.yaml")
    with open(document()) as file, open(changed, "w") as other:
        other.write(
            file.read().replace("rules: []", "rules: [{name: All, action: '*', effect: deny}]")
        )
    said, text = found(1, "policy_diff", workspace.slug, changed)
    assert text.splitlines() == [
        "Against version 1:",
        "Rule “All” is added: deny *.",
        "What comes of it:",
        "Every site.publish: ask as no rule matches: lead → deny by “All”",
        "Case “Fine”: ask as no rule matches: lead → deny by “All”",
    ]
    assert len(said["effects"]) == 2
    assert PolicyVersion.objects.filter(workspace=workspace).count() == 1


@pytest.mark.parametrize("command", ["policy_check", "policy_test", "policy_diff"])
def test_what_a_policy_command_cannot_read_is_misuse(workspace, command, tmp_path):
    slug = [workspace.slug] if command == "policy_diff" else []
    said, _ = found(2, command, *slug, str(tmp_path / "no-such.yaml"))
    assert said["argument"] == "FILE"
    (tmp_path / "bytes").write_bytes(b"\xff")
    assert found(2, command, *slug, str(tmp_path / "bytes"))[0]["argument"] == "FILE"
    (tmp_path / "faulty").write_text("assentry: 2\n")
    said, text = found(1, command, *slug, str(tmp_path / "faulty"))
    assert said["ok"] is False
    assert f"{tmp_path}/faulty:1:11: This server reads format 1" in text


def test_an_unknown_workspace_is_misuse(document):
    assert found(2, "policy_diff", "no-such", document())[0]["argument"] == "SLUG"
    said, _ = found(2, "policy_check", document(), "--workspace", "no-such")
    assert said["argument"] == "--workspace"


def test_policy_apply_reads_standard_input(workspace, person, stdin):
    stdin(POLICY.format(member=person.user.email))
    assert run("policy_apply", workspace.slug, "-")["version"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("person_create", "no-such", "ana@one.example"),
        ("person_deactivate", "no-such", "ana@one.example"),
        ("role_grant", "no-such", "lead", "ana@one.example"),
        ("role_revoke", "no-such", "lead", "ana@one.example"),
        ("agent_create", "no-such", "bot", "--owner", "ana@one.example"),
        ("key_create", "no-such", "--kind", "agt", "--agent", "bot"),
        ("key_revoke", "no-such", "key_01h455vb4pex5vsknk084sn02q"),
        ("policy_apply", "no-such", "-"),
    ],
)
def test_an_unknown_workspace_is_named_with_the_fix(arguments, stdin):
    stdin("")
    failed, text = refuse(*arguments)
    assert failed["argument"] == "SLUG"
    assert text == (
        "SLUG: There is no workspace “no-such”: create it with workspace_create, or check the spelling."
    )


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        (("person_create", "{w}", "ana"), "EMAIL: “ana” is not an e-mail address"),
        (("person_create", "{w}", "{p}"), "EMAIL: “{p}” is in workspace “{w}” already."),
        (("person_create", "{w}", "b@c.example", "--name", "a\u200bb"), "--name: It must have"),
        (("person_deactivate", "{w}", "b@c.example"), "EMAIL: “b@c.example” is nobody"),
        (("role_grant", "{w}", "lead", "{p}"), "ROLE: Workspace “{w}” has no role “lead”"),
        (("agent_create", "{w}", " ", "--owner", "{p}"), "NAME: It must have 1 to 80"),
        (("key_create", "{w}", "--kind", "agt", "--agent", "x"), "--agent: Workspace “{w}” has no"),
        (
            ("key_create", "{w}", "--kind", "agt", "--agent", "x", "--expires-in", "1w"),
            "--expires-in: Write a duration",
        ),
        (("key_revoke", "{w}", "agt_1"), "ID: The id of a key starts with “key_”."),
        (("key_revoke", "{w}", "key_01h455vb4pex5vsknk084sn02q"), "ID: Workspace “{w}” has no key"),
    ],
)
def test_wrong_arguments_are_named_with_the_fix(workspace, person, arguments, begins):
    known = {"w": workspace.slug, "p": person.user.email}
    _, text = refuse(*(argument.format(**known) for argument in arguments))
    assert text.startswith(begins.format(**known))


@pytest.mark.parametrize("limit", ["0", "-1", "1000001", "99999999999999999999"])
def test_key_create_refuses_a_silly_rate_limit(workspace, person, limit):
    run("agent_create", workspace.slug, "bot", "--owner", person.user.email)
    arguments = ("key_create", workspace.slug, "--kind", "agt", "--agent", "bot")
    _, text = refuse(*arguments, f"--rate-limit={limit}")
    assert text.startswith("--rate-limit: A rate limit is a number of calls per minute")


def test_another_workspaces_key_and_people_are_unknown(workspace, person):
    elsewhere = WorkspaceFactory()
    made = run("agent_create", workspace.slug, "bot", "--owner", person.user.email)
    assert "has no key" in refuse("key_revoke", elsewhere.slug, made["key_id"])[1]
    assert "is nobody" in refuse("person_deactivate", elsewhere.slug, person.user.email)[1]


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command as a shell runs it."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env={**os.environ, **environment},
        input=PASSWORD,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_from_a_shell(workspace):
    done = manage("person_create", workspace.slug, "sh@one.example", "--password-stdin", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout.splitlines()[-1])["email"] == "sh@one.example"
    assert Person.objects.get(workspace=workspace).user.check_password(PASSWORD)

    again = manage("person_create", workspace.slug, "sh@one.example")
    assert again.returncode == 1
    assert again.stdout == ""
    assert again.stderr.startswith("CommandError: EMAIL:")
    assert "Traceback" not in again.stderr

    usage = manage("key_create", workspace.slug, "--kind", "root")
    assert usage.returncode == 2
    assert "invalid choice: 'root'" in usage.stderr


def test_without_a_database_it_says_what_to_do(tmp_path):
    nowhere = f"postgresql://assentry@/assentry?host={tmp_path}"
    done = manage("workspace_create", "x", DATABASE_URL=nowhere, ASSENTRY_OWNER_URL=nowhere)
    assert done.returncode == 1
    assert "start ./up, or set DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr

    unset = manage(
        "workspace_create",
        "x",
        DATABASE_URL="",
        ASSENTRY_DATA=str(tmp_path),
        DJANGO_SETTINGS_MODULE="config.settings",
    )
    assert unset.returncode == 1
    assert "start the embedded one with ./up" in unset.stderr
    assert "Traceback" not in unset.stderr


def test_agent_state(workspace, person):
    said = run("agent_create", workspace.slug, "bot", "--owner", person.user.email)
    assert run("agent_state", workspace.slug, "bot", "suspended") == {
        "id": said["id"],
        "state": "suspended",
        "changed": True,
    }
    assert run("agent_state", workspace.slug, "bot", "suspended")["changed"] is False
    run("agent_state", workspace.slug, "bot", "retired")
    _, text = refuse("agent_state", workspace.slug, "bot", "active")
    assert text.startswith("AGENT: Agent “bot” is retired")
    assert kinds_of(workspace.id)[-2:] == ["agent.state_changed", "agent.state_changed"]


def test_permissions_are_given_and_taken(workspace, person):
    _, text = refuse("permission_grant", workspace.slug, "approve", person.user.email)
    assert text.startswith("PERMISSION: Workspace")
    for permission in ("view", "administer"):
        given = run("permission_grant", workspace.slug, permission, person.user.email)
        assert given["changed"] is True
    assert permissions_of(user_of(person), workspace) == {"view", "administer"}
    assert run("permission_grant", workspace.slug, "view", person.user.email)["changed"] is False
    assert run("permission_revoke", workspace.slug, "view", person.user.email)["changed"] is True
    assert permissions_of(user_of(person), workspace) == {"administer"}
    assert kinds_of(workspace.id)[-3:] == ["permission.granted"] * 2 + ["permission.revoked"]


def test_permissions_on_the_policy(workspace, person, tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.format(member=person.user.email))
    run("policy_apply", workspace.slug, str(file))
    assert run("permission_grant", workspace.slug, "edit", person.user.email)["changed"] is True
    policy = Policy.objects.get(workspace=workspace)
    assert set(get_user_perms(user_of(person), policy)) == {"edit"}
    assert run("permission_revoke", workspace.slug, "edit", person.user.email)["changed"] is True
    assert not get_user_perms(user_of(person), policy)


def test_an_absence_is_declared_and_ended():
    workspace = WorkspaceFactory()
    ana, ben = (PersonFactory(workspace=workspace, name=name) for name in ("Ana", "Ben"))
    span = ("--from", "2099-03-01T00:00:00+01:00", "--until", "2099-03-08T00:00:00Z")
    declared = run(
        "absence_declare", workspace.slug, ana.user.email, *span, "--stand-in", ben.user.email
    )
    assert declared == {
        "id": declared["id"],
        "person": ids.encode("per", ana.id),
        "from": "2099-02-28T23:00:00.000000Z",
        "until": "2099-03-08T00:00:00.000000Z",
        "stand_in": ids.encode("per", ben.id),
        "warnings": [],
    }
    [event] = events_of(workspace.id, "absence.declared")
    assert event["actor"] == {"type": "operator", "id": None, "via": "absence_declare"}
    assert run("absence_declare", workspace.slug, ben.user.email, *span)["warnings"] != []
    said, text = refuse("absence_declare", workspace.slug, ana.user.email, *span)
    assert said["argument"] == "--from"
    assert "It overlaps an absence" in text
    said, _ = refuse(
        *("absence_declare", workspace.slug, ana.user.email, *span, "--stand-in", "no@example.com")
    )
    assert said["argument"] == "--stand-in"
    ended = run("absence_end", workspace.slug, ana.user.email)
    assert ended == {"id": declared["id"], "person": ids.encode("per", ana.id)}
    _, text = refuse("absence_end", workspace.slug, ana.user.email)
    assert text == "Ana is not away, and will not be."


def test_person_invite_prints_the_link_where_no_mail_is_sent(workspace):
    RoleFactory(workspace=workspace, name="lead")
    said = run(
        *("person_invite", workspace.slug, f"Nia-{workspace.slug}@One.example"),
        *("--name", "Nia", "--role", "lead", "--permission", "view", "--permission", "audit"),
    )
    assert (said["email"], said["notice"], said["mailed"]) == (
        f"nia-{workspace.slug}@one.example",
        False,
        False,
    )
    person = Person.objects.get(workspace=workspace)
    assert permissions_of(person.user, workspace) == {"view", "audit"}
    links.use(token=said["link"].rpartition("/")[2], password=PASSWORD, address="10.0.0.1")
    assert user_of(person).check_password(PASSWORD)
    failed, _ = refuse("person_invite", workspace.slug, said["email"])
    assert failed["argument"] == "EMAIL"
    failed, _ = refuse("person_invite", workspace.slug, "b@one.example", "--role", "nothing")
    assert failed["argument"] == "--role"


def test_person_reset_prints_a_link_and_every_log_of_theirs_says_so(person):
    other = PersonFactory()
    create_person(actor=ACTOR, workspace=other.workspace, email=person.user.email)
    said = run("person_reset", person.user.email.upper())
    for workspace in (person.workspace_id, other.workspace_id):
        [event] = events_of(workspace, "password.reset_asked")
        assert event["actor"] == {"type": "operator", "id": None, "via": "person_reset"}
        assert event["data"] == {"mailed": False, "handed_to": "operator"}
    links.use(token=said["link"].rpartition("/")[2], password="x" * 9 + "yza", address="")
    assert refuse("person_reset", "nobody@nowhere.example")[0]["argument"] == "EMAIL"
    gone = PersonFactory()
    run("person_deactivate", gone.workspace.slug, gone.user.email)
    assert "active in no workspace" in refuse("person_reset", gone.user.email)[1]


def test_a_key_is_rotated_and_an_agent_handed_over(workspace, person):
    made = run("agent_create", workspace.slug, "bot", "--owner", person.user.email)
    done = run("key_rotate", workspace.slug, made["key_id"], "--overlap", "2h")
    old, new = (Key.objects.get(id=ids.decode("key", one)) for one in (made["key_id"], done["id"]))
    assert (new.replaces_id, new.agent_id, new.scopes) == (old.id, old.agent_id, old.scopes)
    assert new.hash == keys.digest(done["key"])
    assert old.expires_at is not None
    assert done["old_until"] == old.expires_at.isoformat().replace("+00:00", "Z")
    assert "was replaced before" in refuse("key_rotate", workspace.slug, made["key_id"])[1]
    wrong = refuse("key_rotate", workspace.slug, done["id"], "--overlap", "31d")[1]
    assert wrong.startswith("--overlap: The old key goes on for")
    assert refuse("key_rotate", workspace.slug, made["id"])[1].startswith("ID: The id of a key")
    elsewhere = WorkspaceFactory()
    assert "has no key" in refuse("key_rotate", elsewhere.slug, done["id"])[1]
    ben = PersonFactory(workspace=workspace)
    handed = run("agent_owner", workspace.slug, "bot", ben.user.email)
    assert handed == {"id": made["id"], "owner": ids.encode("per", ben.id), "changed": True}
    assert run("agent_owner", workspace.slug, "bot", ben.user.email)["changed"] is False
    assert refuse("agent_owner", workspace.slug, "bot", "x@one.example")[1].startswith("EMAIL:")
    assert [event["kind"] for event in events_of(workspace.id)][-3:] == [
        "key.rotated",
        "person.created",
        "agent.owner_changed",
    ]
