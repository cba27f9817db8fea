"""How surely a call of a signed-in person proves who says something about a request."""

from __future__ import annotations

from rest_framework.request import Request

from api.doors import Signed
from approvals.assurance import Proven
from approvals.row import Row
from people.factors import check_code
from people.own_sessions import confirmed, proves


def proven(request: Request, who: Signed, row: Row, code: str, purpose: str) -> Proven:
    """What the session proves, or the code that an authenticator app shows, which counts once.

    Call it when all else that was sent can be counted.

    Args:
        row: the request as it stands, which the code is given for.
        code: empty where none was sent.
        purpose: of the code, as the log says it where it is wrong.

    Raises:
        Problem: 401 the code is wrong; 429 after too many.
    """
    if not code:
        return Proven(proves(request._request))
    check_code(who.user, code, purpose=purpose, recovery=False)
    confirmed(request._request)
    return Proven("mfa", row.revision)
