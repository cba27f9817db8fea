from __future__ import annotations

import shutil
import socket
import subprocess
import time

import pytest
import redis
from django.db import connection

from agents import limits
from agents.authentication import authenticate
from core.db import pool
from core.problems import Problem
from tests.factories import KeyFactory
from tests.together import together


def room() -> None:
    """Do not begin where a minute is about to end: a new window starts a new count."""
    left = 60 - time.time() % 60
    if left < 5:
        time.sleep(left + 0.1)


def spend(token: str):
    """One call under a key: what is left, or the problem."""
    with pool().connection() as conn:
        caller = authenticate(conn, f"Bearer {token}")
        try:
            return limits.spend(conn, caller)
        except Problem as problem:
            return problem


def test_a_key_without_a_limit_writes_nothing():
    made = KeyFactory()
    assert spend(made.token) is None
    assert windows(made) == []


def windows(made):
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT "window", count FROM core_ratewindow WHERE key_id = %s ORDER BY 1',
            [made.key.id],
        )
        return cursor.fetchall()


def test_fifty_at_once_at_a_limit_of_ten_are_ten():
    room()
    made = KeyFactory(rate_limit=10)
    results = together([lambda: spend(made.token) for _ in range(50)])
    passed = [result for result in results if isinstance(result, limits.Spent)]
    assert sorted(spent.remaining for spent in passed) == list(range(10))
    refused = [result for result in results if isinstance(result, Problem)]
    assert len(refused) == 40
    assert {problem.status for problem in refused} == {429}
    assert [count for _, count in windows(made)] == [10]


def test_a_refusal_says_when_to_come_back():
    room()
    made = KeyFactory(rate_limit=1)
    spent = spend(made.token)
    assert spent.headers()["RateLimit-Policy"] == '"key";q=1;w=60'
    problem = spend(made.token)
    assert problem.status == 429
    wait = int(problem.headers["Retry-After"])
    assert 1 <= wait <= 60
    assert problem.headers["RateLimit"] == f'"key";r=0;t={wait}'


def test_the_next_window_is_a_new_count_and_forgets_the_old():
    room()
    made = KeyFactory(rate_limit=1)
    assert isinstance(spend(made.token), limits.Spent)
    assert isinstance(spend(made.token), Problem)
    with connection.cursor() as cursor:
        cursor.execute(
            'UPDATE core_ratewindow SET "window" = "window" - 1 WHERE key_id = %s', [made.key.id]
        )
    assert isinstance(spend(made.token), limits.Spent)
    assert len(windows(made)) == 1


@pytest.fixture
def _forgotten():
    limits._shared.begin_anew()
    yield
    client = limits._shared._client
    if client is not None:
        client.close()
    limits._shared.begin_anew()


@pytest.mark.usefixtures("_forgotten")
def test_redis_that_is_gone_is_a_local_limit_and_not_an_open_door(settings):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.REDIS_URL = f"redis://127.0.0.1:{unused.getsockname()[1]}/0"
        room()
        made = KeyFactory(rate_limit=3)
        started = time.monotonic()
        results = [spend(made.token) for _ in range(5)]
        assert [isinstance(result, Problem) for result in results] == [False] * 3 + [True] * 2
        assert time.monotonic() - started < 2
    assert windows(made) == []


@pytest.fixture
def redis_url(tmp_path):
    """A Redis of this test's own."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server")
    place = tmp_path / "redis.sock"
    server = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(place), "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    until = time.monotonic() + 10
    while not place.exists() and time.monotonic() < until:
        time.sleep(0.02)
    yield f"unix://{place}"
    server.terminate()
    server.wait()


@pytest.mark.redis
@pytest.mark.usefixtures("_forgotten")
def test_with_redis_the_count_is_there_and_still_exact(settings, redis_url, monkeypatch):
    settings.REDIS_URL = redis_url
    # On a crowded machine fifty threads may wait longer for a Redis that is well.
    monkeypatch.setattr(limits, "REDIS_TIMEOUT_S", 10.0)
    room()
    made = KeyFactory(rate_limit=10)
    results = together([lambda: spend(made.token) for _ in range(50)])
    assert sum(isinstance(result, limits.Spent) for result in results) == 10
    assert windows(made) == []
    with redis.Redis.from_url(redis_url) as client:
        [name] = client.keys("assentry:rate:*")
        assert int(client.get(name)) == 50
        assert 0 < client.ttl(name) <= 120


@pytest.mark.redis
@pytest.mark.usefixtures("_forgotten")
def test_redis_emptied_costs_one_window_at_most(settings, redis_url):
    settings.REDIS_URL = redis_url
    room()
    made = KeyFactory(rate_limit=2)
    assert [isinstance(spend(made.token), Problem) for _ in range(3)] == [False, False, True]
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    assert [isinstance(spend(made.token), Problem) for _ in range(3)] == [False, False, True]
