from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import transaction

from agents.services import create_agent, create_key
from people.management import base
from people.models import Person, Workspace
from people.services import create_person, create_workspace
from policies.services import apply

POLICY = Path(__file__).resolve().parents[2] / "demo.yaml"
RETAIL_POLICY = Path(__file__).resolve().parents[3] / "demo" / "policy.yaml"
#: Who reviews in the shop, as its policy knows them.
RETAIL = (
    ("ana", "support lead"),
    ("ben", "support lead"),
    ("caro", "finance lead"),
    ("dan", "finance lead"),
)
#: What the printed line submits: a person must review it.
EXAMPLE = {
    "action": "payments.refund",
    "payload": {"order": "A-1042", "amount": 180, "reason": "Arrived broken"},
    "summary": "The customer sent photos of the damage.",
}
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


class Command(base.Command):
    help = (
        "Fills an empty instance with something to try: a workspace, two people, an agent, a policy. "
        "Prints one JSON object, with the only copy of passwords and key."
    )

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--again", action="store_true", help="make one more beside the workspaces there are"
        )
        parser.add_argument(
            "--retail",
            action="store_true",
            help="make the shop of `./up --demo` instead, beside the workspaces there are",
        )

    def run(self, **options: Any) -> base.Said:
        said: dict[str, Any]
        with transaction.atomic():
            if options["retail"]:
                said = {"seeded": True, "page": _page(), **self._seed_retail()}
                return base.Said(json.dumps(said), said)
            slug = _free_slug("demo")
            if slug is None or (Workspace.objects.exists() and not options["again"]):
                said = {"seeded": False, "page": _page()}
            else:
                said = {"seeded": True, "page": _page(), **self._seed(slug)}
        return base.Said(json.dumps(said), said)

    def _seed(self, slug: str) -> dict[str, Any]:
        workspace = create_workspace(actor=self.actor, slug=slug, name="Demo")
        owner, owner_login = self._person(workspace, "olivia", "Olivia Owner", "owner")
        _, reviewer_login = self._person(workspace, "rui", "Rui Reviewer", "reviewer")
        text = POLICY.read_text(encoding="utf-8").replace("demo.example", f"{slug}.example")
        apply(actor=self.actor, workspace=workspace, text=text)
        agent = create_agent(actor=self.actor, workspace=workspace, name="demo-bot", owner=owner)
        token = create_key(actor=self.actor, agent=agent).token
        return {
            "workspace": slug,
            "people": [owner_login, reviewer_login],
            "agent_key": token,
            "curl": _curl(token),
        }

    def _seed_retail(self) -> dict[str, Any]:
        """The shop: its owner, four reviewers, and the policy of `demo/`."""
        slug = _free_slug("shop")
        if slug is None:
            raise base.Failed("There are too many shops: remove some first.", {})
        workspace = create_workspace(actor=self.actor, slug=slug, name="The shop")
        owner, login = self._person(workspace, "olga", "Olga Owner", "owner")
        logins = [login]
        for name, role in RETAIL:
            shown = f"{name.title()} {role.split()[0].title()}"
            logins.append(self._person(workspace, name, shown, role)[1])
        text = RETAIL_POLICY.read_text(encoding="utf-8").replace("shop.example", f"{slug}.example")
        apply(actor=self.actor, workspace=workspace, text=text)
        agent = create_agent(actor=self.actor, workspace=workspace, name="shop-bot", owner=owner)
        token = create_key(actor=self.actor, agent=agent).token
        return {"workspace": slug, "people": logins, "agent_key": token}

    def _person(
        self, workspace: Workspace, name: str, shown: str, role: str
    ) -> tuple[Person, dict[str, str]]:
        email, password = f"{name}@{workspace.slug}.example", _password()
        person = create_person(
            actor=self.actor,
            workspace=workspace,
            email=email,
            name=shown,
            password=password,
            administrator=role == "owner",
        )
        return person, {"email": email, "password": password, "role": role}


def _free_slug(wanted: str) -> str | None:
    taken = set(Workspace.objects.filter(slug__startswith=wanted).values_list("slug", flat=True))
    names = [wanted, *(f"{wanted}-{number}" for number in range(2, 100))]
    return next((name for name in names if name not in taken), None)


def _page() -> str:
    return f"{settings.BASE_URL}/"


def _password() -> str:
    """Sixteen letters that nobody confuses, about 79 bits, in groups that can be typed."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(16))
    return "-".join(letters[at : at + 4] for at in range(0, 16, 4))


def _curl(token: str) -> str:
    return (
        f"curl -sS {settings.BASE_URL}/api/v1/requests"
        f" -H 'Authorization: Bearer {token}'"
        " -H 'Content-Type: application/json' -H 'Prefer: wait=55'"
        f" -d '{json.dumps(EXAMPLE)}'"
    )
