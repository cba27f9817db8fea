"""What the documents name exists: tests, files, functions, variables of the environment."""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import DOCUMENTS, ROOT, code, name, prose, section

GUARANTEES = ROOT / "docs" / "guarantees.md"
TESTS = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", GUARANTEES.read_text(encoding="utf-8"))
_VARIABLE = re.compile(r"\b(?:ASSENTRY_[A-Z][A-Z0-9_]*|DATABASE_URL|REDIS_URL)\b")
#: Sources that run: what they read from outside has to be described.
SOURCES = [
    path
    for path in [*ROOT.rglob("*.py"), ROOT / "up", ROOT / "test"]
    if not {".venv", ".data", "tests", "benchmarks"} & set(path.relative_to(ROOT).parts)
]


@functools.cache
def names_in(path: Path) -> frozenset[str]:
    """Functions, classes, methods and module constants that a file defines."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.Assign():
                found |= {each.id for each in node.targets if isinstance(each, ast.Name)}
            case ast.AnnAssign(target=ast.Name()):
                found.add(ast.unparse(node.target))
            case _:
                pass
    return frozenset(found)


@pytest.mark.parametrize(("file", "test"), TESTS, ids=lambda value: str(value))
def test_a_guarantee_names_tests_that_exist(file: str, test: str) -> None:
    assert test.startswith("test_")
    assert test in names_in(ROOT / file)


def test_every_guarantee_names_a_test() -> None:
    text = GUARANTEES.read_text(encoding="utf-8")
    headings = re.findall(r"^## (\d+)\. ", text, re.MULTILINE)
    assert headings == [str(number) for number in range(1, len(headings) + 1)]
    for heading in re.findall(r"^(## \d+\. .+)$", text, re.MULTILINE):
        assert "`tests/" in section(GUARANTEES, heading), heading


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_files_that_are_named_exist(document: Path) -> None:
    for word in code(document):
        if re.fullmatch(r"[\w./-]+/[\w.-]+\.(py|md|html|js|css|yaml)", word):
            assert (ROOT / word).exists() or (document.parent / word).exists(), word


def test_functions_that_are_named_exist_where_the_flow_says() -> None:
    flow = ROOT / "docs" / "how-a-request-flows.md"
    pairs = re.findall(r"`([\w/]+\.py)`,\s+`([\w.]+)`", prose(flow))
    assert len(pairs) > 40
    for file, named in pairs:
        assert named.rpartition(".")[2] in names_in(ROOT / file), f"{file} has no {named}"
    everywhere = frozenset().union(*map(names_in, SOURCES))
    others = {word for word in code(flow) if re.fullmatch(r"\w*_\w+|[A-Z]\w+\.\w+", word)}
    assert {word for word in others if word.rpartition(".")[2] not in everywhere} == set()


def test_every_variable_that_is_read_is_described_and_the_reverse() -> None:
    told: set[str] = set()
    for document in DOCUMENTS:
        told |= set(_VARIABLE.findall(document.read_text(encoding="utf-8")))
    read = {found for path in SOURCES for found in _VARIABLE.findall(path.read_text("utf-8"))}
    databases = (ROOT / "tests" / "databases.py").read_text(encoding="utf-8")
    assert told <= read | set(_VARIABLE.findall(databases))
    assert read <= told
    table = section(ROOT / "docs" / "operate.md", "## Environment variables")
    of_tests = {found for found in read if found.startswith("ASSENTRY_TEST_")}
    # The client runs elsewhere: its own document tells what it reads.
    clients = (ROOT / "clients").rglob("*.py")
    of_client = {found for path in clients for found in _VARIABLE.findall(path.read_text("utf-8"))}
    assert of_client <= set(_VARIABLE.findall((ROOT / "docs" / "sdk.md").read_text("utf-8")))
    assert read - of_tests - of_client == set(_VARIABLE.findall(table)) - of_client


def test_the_architecture_has_every_folder_in_the_order_of_the_import_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    wanted = [folder for layer in layers for folder in layer.split(" | ")]
    table = section(ROOT / "docs" / "architecture.md", "## Folders")
    told = re.findall(r"`([a-z]+)/`", "\n".join(re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)))
    assert [folder for folder in told if folder in wanted] == wanted
    assert all((ROOT / folder).is_dir() for folder in told if folder != "benchmarks")
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages <= set(told)
