"""Small real programs in the place of the web, worker and manage processes, and a supervisor of them.

`python -m tests.runtime.stand_in up|web|worker|demo|migrate|seed_demo …`
STAND_IN=stubborn makes web ignore SIGTERM, STAND_IN=broken makes the worker end at once.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import urllib.request
from pathlib import Path

import psycopg

from runtime import parent, schema, supervisor
from runtime.options import ROOT

BEHAVIOUR = os.environ.get("STAND_IN", "")


def note(name: str) -> None:
    with (Path(os.environ["ASSENTRY_DATA"]) / "noted").open("a") as file:
        file.write(f"{name} {os.getpid()}\n")


def owner() -> psycopg.Connection[tuple[object, ...]]:
    instance = json.loads((Path(os.environ["ASSENTRY_DATA"]) / "instance.json").read_text())
    return psycopg.connect(instance["owner_url"])


def web(arguments: list[str]) -> None:
    if BEHAVIOUR == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    parent.watch()
    note("web")
    listener = socket.socket(fileno=int(arguments[arguments.index("--fd") + 1]))
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def worker() -> None:
    parent.watch()
    note("worker")
    if BEHAVIOUR == "broken":
        sys.exit(3)
    while True:
        time.sleep(60)


def demo() -> None:
    parent.watch()
    note("demo")
    if os.environ.get("STAND_IN") == "broken demo":
        sys.exit(3)
    while True:
        time.sleep(60)


def migrate() -> None:
    note("migrate")
    with owner() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS people_workspace (id int)")
        connection.execute("CREATE TABLE IF NOT EXISTS django_migrations (app text, name text)")
        for row in schema.on_disk(ROOT):
            connection.execute("INSERT INTO django_migrations VALUES (%s, %s)", row)


def seed_demo(arguments: list[str]) -> None:
    base = os.environ["ASSENTRY_BASE_URL"]
    if "--retail" in arguments:
        note("seed_retail")
        lead = {"email": "ana@shop.example", "password": "her-password", "role": "support lead"}
        boss = {"email": "olga@shop.example", "password": "a-password", "role": "owner"}
        said = {"workspace": "shop", "people": [boss, lead], "agent_key": "shop-key"}
        sys.stdout.write(f"{json.dumps(said)}\n")
        return
    note("seed")
    with owner() as connection:
        connection.execute("INSERT INTO people_workspace VALUES (1)")
    person = {"email": "reviewer@demo.example", "password": "a-password", "role": "reviewer"}
    said = {"page": f"{base}/", "people": [person], "agent_key": "key", "curl": f"curl {base}/api"}
    sys.stdout.write(f"seeding\n{json.dumps(said)}\n")


def slack_connect(arguments: list[str]) -> None:
    """Asks the Slack that it was pointed at who it is, with what came on standard input."""
    note("slack_connect")
    given = json.loads(sys.stdin.read())
    if BEHAVIOUR == "broken connect":
        sys.exit("slack_connect: BOT_TOKEN: Slack refuses it.")
    url = os.environ["ASSENTRY_SLACK_API_URL"] + "auth.test"
    asked = urllib.request.Request(url, method="POST")  # noqa: S310 - on loopback
    asked.add_header("Authorization", f"Bearer {given['bot_token']}")
    with urllib.request.urlopen(asked) as answer:  # noqa: S310 - on loopback
        said = json.load(answer)
    place = Path(os.environ["ASSENTRY_DATA"]) / "connected.json"
    place.write_text(json.dumps({"arguments": arguments, "given": given, "said": said}))


def up(arguments: list[str]) -> int:
    this = [sys.executable, "-m", "tests.runtime.stand_in"]
    commands = {"web": [*this, "web"], "worker": [*this, "worker"], "demo_program": [*this, "demo"]}
    return supervisor.main(arguments, manage=this, **commands)


if __name__ == "__main__":
    if sys.argv[1] == "up":
        sys.exit(up(sys.argv[2:]))
    elif sys.argv[1] == "web":
        web(sys.argv[2:])
    elif sys.argv[1] == "seed_demo":
        seed_demo(sys.argv[2:])
    elif sys.argv[1] == "slack_connect":
        slack_connect(sys.argv[2:])
    else:
        {"worker": worker, "demo": demo, "migrate": migrate}[sys.argv[1]]()
