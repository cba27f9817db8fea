"""The demo's agent: it reads without asking, asks before it changes anything, and does what was approved."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Final

from assentry import AssentryError, Client, Handle, Run, RunEnded, digest

from demo.cases import Call, Case
from demo.shop import Shop

VERSION: Final = "demo-1"
#: Cases that are worked on at once.
AT_ONCE: Final = 16


def work(
    client: Client,
    shop: Shop,
    cases: Sequence[Case],
    *,
    at_once: int = AT_ONCE,
    over: threading.Event | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Work through the cases; those that ended before are left alone.

    Args:
        over: set from elsewhere, no further case is begun.
    """
    ended = over or threading.Event()
    with ThreadPoolExecutor(at_once) as threads:
        futures = {threads.submit(_case, client, shop, case, ended): case for case in cases}
        for future in as_completed(futures):
            error = future.exception()
            if error is not None:
                say(f"{futures[future].run}: {error}")
                if not isinstance(error, AssentryError):
                    raise error


def _case(client: Client, shop: Shop, case: Case, over: threading.Event) -> None:
    if over.is_set():
        return
    try:
        with client.run(case.run, agent_version=VERSION) as run:
            for call in _not_told(case, int(run.raw["steps"])):
                _call(client, shop, run, case, call)
    except RunEnded:
        return


def _not_told(case: Case, told: int) -> Iterator[Call]:
    """The calls without the first steps, which an agent that was killed has reported already.

    Steps are sent in their order, a batch wholly or not at all, so that their number says which.
    Rules may count them: reported twice, they would ask for more people than the case needs.
    """
    for call in case.calls:
        if call.kind == "read" and told > 0:
            told -= 1
        else:
            yield call


def _call(client: Client, shop: Shop, run: Run, case: Case, call: Call) -> None:
    if call.kind == "read":
        with run.step(tool=call.tool) as step:
            step.input(call.payload)
        return
    # A name that a restarted agent gives the same call again: it finds its answer.
    key = f"{case.run} {call.number}"
    context = {"case": case.reason, "call": call.number}
    if call.kind == "question":
        asked = client.ask(
            "support_lead",
            call.payload["summary"],
            options=["I take it over", "Tell the customer that it cannot be done"],
            context=context,
            run=run,
            idempotency_key=key,
        )
        asked.wait(on_return=_answer)
        return
    handle = client.request(
        call.action, call.payload, context=context, run=run, idempotency_key=key
    )
    outcome = handle.wait(on_return=_answer)
    if outcome.approved:
        # Exactly what was approved, which people may have edited.
        approved = outcome.payload
        shop.do(request=handle.id, action=call.action, payload=approved, digest=digest(approved))
        client.report(handle, "succeeded")


def _answer(handle: Handle, words: str) -> None:
    """What this agent has to say when somebody gives a request back."""
    handle.message("That is what the customer asked for; the case stands in the context.")
