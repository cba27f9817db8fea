"""The Slack double: start it, point the product at it, and look at what came.

with Double(app="http://127.0.0.1:8000") as double:
    double.add_team("T0ACME", signing_secret="s", bot_token="xoxb-1")
    ...
    assert not double.violations
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from demo.slack.people import People
from demo.slack.routes import Routes
from demo.slack.server import Server


class Double(People):
    """Slack, listening.

    Args:
        app: where the product is; what people do is sent to `/slack/…` there.
        host: the address to listen at, of this machine.
        port: 0 for any that is free.

    Raises:
        OSError: the port cannot be used.
    """

    def __init__(self, app: str = "", host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__()
        self.app = app
        self._server = Server((host, port), self, Routes(self))
        self.base = f"http://{host}:{self._server.server_address[1]}"
        #: What a client takes as Slack's address; `slack_sdk.WebClient(base_url=…)`.
        self.api_url = f"{self.base}/api/"
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()

    def close(self) -> None:
        """Stop; what hangs ends."""
        self.ended.set()
        if self.links:
            self.links.close()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
