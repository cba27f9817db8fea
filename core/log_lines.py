"""What is taken out of log lines before anybody writes them: addresses that are somebody's way in."""

from __future__ import annotations

import logging
import re
from typing import Final

#: Links that were sent to one person: in a mail, for a password, and in Slack to connect a user.
_LINK: Final = re.compile(r"(/(?:m|account|slack/link)/)[^\s/?#\"']{8,}")


class HideLinks(logging.Filter):
    """Leaves out the secret part of such links; Django names the path of what it refuses."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every line is written."""
        said = record.getMessage()
        if _LINK.search(said):
            record.msg, record.args = _LINK.sub(r"\1…", said), ()
        return True
