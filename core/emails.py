"""One spelling per e-mail address."""

from __future__ import annotations

import unicodedata


def normal_email(email: str) -> str:
    """Return the spelling that is stored and compared (NFKC, case-folded).

    Look-alikes and capitals are one identity.
    """
    return unicodedata.normalize("NFKC", email).strip().casefold()
