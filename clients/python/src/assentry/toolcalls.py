"""What a tool asks of the server, one flow each."""

from __future__ import annotations

from typing import Final

from assentry.canonical import parsed
from assentry.effects import Call, Flow
from assentry.errors import AlreadyConsumed, ApiError, PayloadError, PermitDead, PermitRefused
from assentry.exchange import Retry, exchange
from assentry.permits import KeySet, Permit, kid_of, read_permit

_KEYS: Final = Call("GET", "/.well-known/jwks.json", idempotent=True, public=True)


def reading(retry: Retry, keys: KeySet, token: str, issuer: str, audience: str) -> Flow[Permit]:
    """The permit in a token; the server is asked only for keys, and seldom.

    Raises:
        PermitRefused: it is none, or not for here.
    """
    if keys.due(kid_of(token)):
        answer = yield from exchange(_KEYS, retry)
        try:
            keys.take(parsed(answer.content))
        except (PayloadError, ValueError) as error:
            raise PermitRefused(
                f"The permit cannot be checked: what the server gave as its keys is none. {error}"
            ) from error
    return read_permit(token, keys, issuer=issuer, audience=audience)


def consume(retry: Retry, permit_id: str, payload_sha256: str, key: str) -> Flow[None]:
    """Use a permit, for this payload, once.

    Args:
        key: the idempotency key: asked again with it, the server gives its first answer again, so
            that a lost answer can be asked for, and never makes a guess of whose use it was.

    Raises:
        AlreadyConsumed, PermitDead, PermitRefused: nothing may be run.
    """
    path, body = f"/permits/{permit_id}/consume", {"payload_digest": f"sha256:{payload_sha256}"}
    call = Call("POST", path, body, headers={"Idempotency-Key": key}, idempotent=True)
    try:
        answer = yield from exchange(call, retry)
    except ApiError as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
        raise refusal from error
    said = answer.json()
    if not isinstance(said, dict) or said.get("id") != permit_id:
        raise PermitRefused(f"The server did not say that the permit {permit_id} was consumed.")


def _refusal(error: ApiError) -> PermitRefused | None:
    match error.status, error.code:
        case 409, "permit_consumed":
            return AlreadyConsumed(error.detail, error.code)
        case 410, _:
            return PermitDead(error.detail, error.code)
        case (403 | 404, _) | (422, "wrong_digest"):
            return PermitRefused(error.detail, error.code)
        case _:
            return None


def report(
    retry: Retry, permit_id: str, status: str, detail: str | None, cost: float | None
) -> Flow[None]:
    """Tell what came of a consumed permit.  Telling the same again changes nothing."""
    given = {"status": status, "detail": detail, "cost": cost}
    body = {name: value for name, value in given.items() if value is not None}
    yield from exchange(Call("POST", f"/permits/{permit_id}/result", body, idempotent=True), retry)
