"""Due kinds of this folder, and pieces of SQL over its tables for statements composed above it."""

from __future__ import annotations

from typing import Final

#: Bring what people were told of a request into line with it (subject: the request).
TELL: Final = "request.tell"
#: One call in a lane of Slack's (subject: the lane).
SLACK: Final = "slack.lane"
#: One mail (subject: the notification); one gathering mail (subject: the person).
EMAIL: Final = "message.email"
DIGEST: Final = "message.digest"
PUSH: Final = "message.push"
OTHER: Final = "message.other"
PAGE: Final = "message.page"

KIND_OF_CHANNEL: Final = {"email": EMAIL, "push": PUSH, "other": OTHER, "pager": PAGE}
