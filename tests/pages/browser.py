"""A browser without scripts: cookies, redirects, forms found in the page and posted as they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import requests

VOID = frozenset({"input", "meta", "link", "br", "img", "hr", "wbr", "source"})


@dataclass
class Node:
    """One element, its attributes and everything inside."""

    tag: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(c if isinstance(c, str) else c.text for c in self.children)

    def all(self, tag: str | None = None, **wanted: str) -> list[Node]:
        """Every element below with this tag and these attributes (``class_`` for one class)."""
        found = []
        for child in self.children:
            if isinstance(child, Node):
                if (tag is None or child.tag == tag) and child._has(wanted):
                    found.append(child)
                found += child.all(tag, **wanted)
        return found

    def one(self, tag: str | None = None, **wanted: str) -> Node:
        found = self.all(tag, **wanted)
        assert len(found) == 1, f"{len(found)} of {tag} {wanted}"
        return found[0]

    def _has(self, wanted: dict[str, str]) -> bool:
        for name, value in wanted.items():
            if name == "class_":
                if value not in self.attributes.get("class", "").split():
                    return False
            elif self.attributes.get(name.replace("_", "-")) != value:
                return False
        return True


class Parser(HTMLParser):
    """Text to a tree; what is not closed is an error, so that markup cannot leak out of its place."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice in <{tag}>: {names}"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse(html: str) -> Node:
    parser = Parser()
    parser.feed(html)
    parser.close()
    assert len(parser.open) == 1, f"<{parser.open[-1].tag}> is never closed"
    return parser.root


@dataclass
class Page:
    """An answer as its reader has it."""

    answer: requests.Response
    tree: Node

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def title(self) -> str:
        return self.tree.one("title").text

    @property
    def main(self) -> str:
        """The visible text, white space folded."""
        return " ".join(self.tree.one("main").text.split())

    def form(self, path: str, **fields: str) -> Node:
        """The form that posts to this path (query aside) with these hidden values."""
        forms = [
            form
            for form in self.tree.all("form", method="post")
            if form.attributes.get("action", "").split("?")[0] == path
            and all(form.all("input", name=name, value=value) for name, value in fields.items())
        ]
        assert len(forms) == 1, f"{len(forms)} forms post to {path} with {fields}"
        return forms[0]


class Browser:
    """One visitor."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()

    def get(self, path: str, **options: Any) -> Page:
        return self._page(self.http.get(self.url + path, timeout=30, **options))

    def post(self, path: str, data: dict[str, str], **options: Any) -> Page:
        return self._page(self.http.post(self.url + path, data=data, timeout=30, **options))

    def submit(self, form: Node, *, follow: bool = True, **typed: str) -> Page:
        """Post a form as it stands, with what was typed into it."""
        data = {
            each.attributes["name"]: each.attributes.get("value", "")
            for each in form.all("input")
            if each.attributes.get("type") != "radio" and "name" in each.attributes
        }
        return self.post(form.attributes["action"], data | typed, allow_redirects=follow)

    def sign_in(self, email: str, password: str, path: str = "/sign-in") -> Page:
        page = self.get(path)
        return self.submit(page.form("/sign-in"), email=email, password=password)

    def _page(self, answer: requests.Response) -> Page:
        html = answer.headers.get("Content-Type", "").startswith("text/html")
        return Page(answer, parse(answer.text) if html else Node("", {}))
