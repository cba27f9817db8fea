"""The agent's side of permits: picked up once it is approved, and handed to the tool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from assentry import ApiError, IssuedPermit, OutcomeUnknown
from assentry.tools import PermitDead, ToolClient

from tests.clients.conftest import Both
from tests.clients.shop import Shop


@pytest.fixture
def both(request: pytest.FixtureRequest, shop: Shop) -> Iterator[Both]:
    """Clients of both kinds, of the shop's agent."""
    kinds = Both(shop, request.param)
    yield kinds
    kinds.close()


@pytest.fixture
def tool(shop: Shop) -> Iterator[ToolClient]:
    with ToolClient(shop.url, shop.tool_key, audience=shop.audience) as found:
        yield found


BOTH = pytest.mark.parametrize("both", ["sync", "async"], indirect=True)
SMALL = {"order": "A-1", "amount": 5}


@BOTH
def test_an_approved_request_has_a_permit(both: Both, tool: ToolClient) -> None:
    handle = both.client().request("payments.refund", SMALL)
    issued = handle.permit()
    assert isinstance(issued, IssuedPermit)
    assert str(issued) == issued.token
    assert issued.token not in repr(issued)
    permit = tool.permit(issued.token)
    assert (permit.jti, permit.req, permit.rev) == (issued.id, handle.id, 1)
    assert permit.exp <= issued.expires_at.timestamp() < issued.use_by.timestamp()
    permit.verify("payments.refund", SMALL)


@BOTH
def test_asking_again_ends_the_one_before(both: Both, tool: ToolClient) -> None:
    handle = both.client().request("payments.refund", SMALL)
    first, second = (tool.permit(handle.permit().token) for _ in range(2))
    with pytest.raises(PermitDead) as dead:
        tool.consume(first, SMALL)
    assert dead.value.code == "permit_revoked"
    tool.consume(second, SMALL)
    with pytest.raises(ApiError) as used:
        handle.permit()
    assert (used.value.status, used.value.code) == (409, "permit_consumed")


@BOTH
def test_what_is_not_approved_has_none(both: Both) -> None:
    handle = both.client().request("payments.refund", SMALL | {"amount": 120})
    with pytest.raises(ApiError) as refused:
        handle.permit()
    assert (refused.value.status, refused.value.code) == (409, "not_approved")


def test_from_the_agent_through_people_to_the_tool(shop: Shop, tool: ToolClient) -> None:
    paid: list[Any] = []

    @tool.guard("payments.refund")
    def pay(order: str, amount: float) -> float:
        paid.append((order, amount))
        return amount

    @shop.client().gate("payments.refund")
    def refund(order: str, amount: float, *, permit: str = "") -> float:
        result: float = pay(order, amount, permit=permit)
        return result

    thread = shop.once_asked("edit", edits={"/amount": 60})
    assert refund("A-1", 120) == 60
    thread.join()
    assert paid == [("A-1", 60)]
    [request] = shop.stored()
    assert request["payload"] == {"order": "A-1", "amount": 60}
    assert request["result"]["status"] == "succeeded"


def test_callers_do_not_give_it(shop: Shop) -> None:
    @shop.client().gate("payments.refund")
    def refund(order: str, amount: float, *, permit: str = "", **rest: Any) -> None: ...

    with pytest.raises(TypeError, match="not given by the caller"):
        refund("A-1", 5, permit="x")
    assert shop.stored() == []


def test_an_ordinary_parameter_of_this_name_is_a_part_of_the_payload(shop: Shop) -> None:
    @shop.client().gate("notes.write")
    def file(permit: str) -> str:
        return permit

    thread = shop.once_asked()
    assert file("of the building office") == "of the building office"
    thread.join()
    assert shop.stored()[0]["payload"] == {"permit": "of the building office"}


@BOTH
def test_async_functions_get_it_too(both: Both, shop: Shop, tool: ToolClient) -> None:
    gate = both.client().of.gate("payments.refund")
    tokens: list[str] = []

    def plain(order: str, amount: float, *, permit: str = "") -> None:
        tokens.append(permit)

    async def coroutine(order: str, amount: float, *, permit: str = "") -> None:
        tokens.append(permit)

    refund = gate(coroutine if both.kind == "async" else plain)
    both.settle(refund("A-1", 5))
    assert tool.permit(tokens[0]).req == shop.stored()[0]["id"]


class Gone(BaseException):
    """As if the process had ended here."""


def test_what_a_tool_began_before_a_crash_is_not_begun_again(shop: Shop, tool: ToolClient) -> None:
    ran: list[str] = []

    def gated() -> Any:
        @shop.client().gate("payments.refund", key="once")
        def refund(order: str, amount: float, *, permit: str = "") -> None:
            ran.append(permit)
            tool.consume(tool.permit(permit), SMALL)
            raise Gone

        return refund

    with pytest.raises(Gone):
        gated()("A-1", 5)
    with pytest.raises(OutcomeUnknown):
        gated()("A-1", 5)
    assert len(ran) == 1


def test_what_was_picked_up_and_not_used_is_picked_up_again(shop: Shop, tool: ToolClient) -> None:
    tokens: list[str] = []

    def gated(last: bool) -> Any:
        @shop.client().gate("payments.refund", key="once")
        def refund(order: str, amount: float, *, permit: str = "") -> str:
            tokens.append(permit)
            if not last:
                raise Gone
            tool.consume(tool.permit(permit), SMALL)
            return "paid"

        return refund

    with pytest.raises(Gone):
        gated(last=False)("A-1", 5)
    assert gated(last=True)("A-1", 5) == "paid"
    with pytest.raises(PermitDead):
        tool.consume(tool.permit(tokens[0]), SMALL)
