"""A real browser, with scripts and a keyboard, driven over its debugging protocol."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from websockets.sync.client import ClientConnection, connect

from tests.processes import eventually

PROGRAM: Final = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_KEYS: Final = {
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    " ": (32, " "),
    "ArrowDown": (40, ""),
    "Escape": (27, ""),
}


class Tab:
    """One page of the browser."""

    def __init__(self, wire: ClientConnection, session: str, numbers: Iterator[int]) -> None:
        self._wire, self._session, self._numbers = wire, session, numbers
        self.call("Page.enable")
        self.call("Network.enable")
        self.sent: list[dict[str, Any]] = []

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command and its result; what happens meanwhile is noted."""
        number = next(self._numbers)
        call = {"id": number, "method": method, "params": params, "sessionId": self._session}
        self._wire.send(json.dumps(call))
        while True:
            said = json.loads(self._wire.recv(30))
            if said.get("id") == number:
                assert "error" not in said, said
                return dict(said["result"])
            if said.get("method") == "Network.requestWillBeSentExtraInfo":
                self.sent.append(said["params"]["headers"])

    def go(self, url: str) -> None:
        """Open an address, and wait until the page with all it loads is there."""
        self.run("window.before = true")
        if "loaderId" in self.call("Page.navigate", url=url):  # not within the same page
            self.until("!window.before")

    def until(self, condition: str) -> None:
        """Wait until the page is loaded and this is true in it."""
        eventually(
            lambda: self.run(f"document.readyState === 'complete' && Boolean({condition})"), 30
        )

    def run(self, script: str) -> Any:
        """The value of an expression in the page; None while there is no page to ask."""
        result = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        return result["result"].get("value")

    def press(self, *keys: str) -> None:
        """Keys, one after the other."""
        for key in keys:
            code, text = _KEYS.get(key) or (ord(key.upper()), key)
            about = {"key": key, "windowsVirtualKeyCode": code}
            down = {**about, "text": text} if text else about
            self.call("Input.dispatchKeyEvent", type="keyDown", **down)
            self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def size(self, width: int, height: int) -> None:
        """How large the window is, in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )

    def picture(self, path: Path) -> None:
        """A picture of the whole page."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextlib.contextmanager
def opened() -> Iterator[Tab]:
    """A browser without a past; `PROGRAM` must be there."""
    assert PROGRAM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [PROGRAM, "--headless", "--disable-gpu", "--remote-debugging-port=0"]
        command += [f"--user-data-dir={folder}", "--no-first-run", "--disable-dev-shm-usage"]
        if os.geteuid() == 0:
            command.append("--no-sandbox")
        process = subprocess.Popen(
            [*command, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            where = Path(folder) / "DevToolsActivePort"
            eventually(lambda: where.exists() and len(where.read_text().split()) == 2)
            port, path = where.read_text().split()
            with connect(f"ws://127.0.0.1:{port}{path}", max_size=None) as wire:
                yield _tab(wire)
        finally:
            process.terminate()
            process.wait(20)


def _tab(wire: ClientConnection) -> Tab:
    numbers = itertools.count(1)

    def call(method: str, **params: Any) -> dict[str, Any]:
        number = next(numbers)
        wire.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            said = json.loads(wire.recv(30))
            if said.get("id") == number:
                return dict(said["result"])

    target = call("Target.createTarget", url="about:blank")["targetId"]
    session = call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    return Tab(wire, session, numbers)
