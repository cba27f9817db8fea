"""Where people may decide, and how surely it is then known who does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

Channel: TypeAlias = Literal["slack", "email", "web"]
Assurance: TypeAlias = Literal["link", "chat", "session", "mfa"]
#: How somebody may be told: Slack, e-mail, and the push messages of their browsers.
Telling: TypeAlias = Literal["slack", "email", "push"]

CHANNELS: Final[tuple[Channel, ...]] = ("slack", "email", "web")
TELLINGS: Final[tuple[Telling, ...]] = ("slack", "email", "push")
#: Where it is known when somebody opened it: a message in Slack is there before anybody looks, and the
#: link of a mail is opened by those who look for viruses, too.
OPENED: Final[tuple[Channel, ...]] = ("web",)
#: From the weakest proof to the strongest.
LADDER: Final[tuple[Assurance, ...]] = ("link", "chat", "session", "mfa")
#: The most that a decision through each channel can prove: whoever has the link, the account in the
#: chat, who signed in and gave a second factor for it.  A link that asks to sign in first leads to `web`.
PROVES: Final[Mapping[Channel, Assurance]] = {"email": "link", "slack": "chat", "web": "mfa"}


def enough(proven: str, needed: str) -> bool:
    """Return whether a proof is at least the one that is needed; what is unknown never is."""
    return needed in LADDER and proven in LADDER[LADDER.index(needed) :]


def usable(channels: Iterable[str], needed: str) -> tuple[Channel, ...]:
    """Return those of these channels that prove enough, in the order of `CHANNELS`."""
    named = frozenset(channels)
    return tuple(one for one in CHANNELS if one in named and enough(PROVES[one], needed))
