"""Modals and App Homes: a trigger opens one, once, for three seconds."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from demo.slack.double import Double
from tests.demo.slack.conftest import Clock

TEAM = "T0ACME"


def modal(title: str = "Reject", **more: Any) -> dict[str, Any]:
    text = {"type": "plain_text", "text": title}
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "Why?"}}
    return {"type": "modal", "title": text, "blocks": [block], **more}


def home(text: str) -> dict[str, Any]:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    return {"type": "home", "blocks": [section]}


def trigger(double: Double, view: str | None = None) -> str:
    return double.state.trigger(TEAM, "U0ANA", view)


def refused(client: WebClient, method: str, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as raised:
        client.api_call(method, json=arguments)
    return str(raised.value.response["error"])


def test_a_trigger_opens_one_view_once_and_soon(
    double: Double, client: WebClient, clock: Clock
) -> None:
    first, second = trigger(double), trigger(double)
    opened = client.views_open(trigger_id=first, view=modal(callback_id="reject"))["view"]
    assert (opened["callback_id"], opened["root_view_id"]) == ("reject", opened["id"])
    assert refused(client, "views.open", trigger_id=first, view=modal()) == "exchanged_trigger_id"
    assert refused(client, "views.open", trigger_id="1.2.x", view=modal()) == "invalid_trigger_id"
    clock.at += 3.01
    assert refused(client, "views.open", trigger_id=second, view=modal()) == "expired_trigger_id"
    shown = double.view(TEAM, "U0ANA")
    assert shown is not None
    assert shown.id == opened["id"]
    assert double.view(TEAM, "U0BEN") is None


def test_a_trigger_of_another_workspace_opens_nothing(double: Double) -> None:
    double.add_team("T0OTHER", signing_secret="s", bot_token="xoxb-other")
    other = WebClient("xoxb-other", base_url=double.api_url)
    asked = {"trigger_id": trigger(double), "view": modal()}
    assert refused(other, "views.open", **asked) == "invalid_trigger_id"


def test_a_view_that_is_wrong_uses_no_trigger_up(double: Double, client: WebClient) -> None:
    name = trigger(double)
    with pytest.raises(SlackApiError) as raised:
        client.views_open(trigger_id=name, view=modal("x" * 25))
    response = raised.value.response
    assert response["error"] == "invalid_arguments"
    told = "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"
    assert response["response_metadata"]["messages"] == [told]
    assert double.violations[0].messages == (told,)
    client.views_open(trigger_id=name, view=modal())


def test_a_view_is_updated_by_who_knows_its_latest_hash(double: Double, client: WebClient) -> None:
    opened = client.views_open(trigger_id=trigger(double), view=modal(external_id="ours"))["view"]
    updated = client.views_update(view_id=opened["id"], hash=opened["hash"], view=modal("2"))[
        "view"
    ]
    assert updated["hash"] != opened["hash"]
    old = {"view_id": opened["id"], "hash": opened["hash"], "view": modal("3")}
    assert refused(client, "views.update", **old) == "hash_conflict"
    assert refused(client, "views.update", view_id="V9", view=modal()) == "not_found"
    assert refused(client, "views.update", view=modal()) == "invalid_arguments"


def test_an_external_id_stands_for_one_open_view(double: Double, client: WebClient) -> None:
    named = modal(external_id="ours")
    client.views_open(trigger_id=trigger(double), view=named)
    again = {"trigger_id": trigger(double), "view": named}
    assert refused(client, "views.open", **again) == "duplicate_external_id"
    view = client.views_update(external_id="ours", view=modal("2"))["view"]
    assert view["title"]["text"] == "2"


def test_views_are_pushed_three_deep_from_within_a_view(double: Double, client: WebClient) -> None:
    view = client.views_open(trigger_id=trigger(double), view=modal("1"))["view"]
    for title in ("2", "3"):
        pushed = client.views_push(trigger_id=trigger(double, view["id"]), view=modal(title))[
            "view"
        ]
        assert pushed["previous_view_id"] == view["id"]
        view = pushed
    more = {"trigger_id": trigger(double, view["id"]), "view": modal("4")}
    assert refused(client, "views.push", **more) == "push_limit_reached"
    outside = {"trigger_id": trigger(double), "view": modal()}
    assert refused(client, "views.push", **outside) == "not_found"


def test_a_home_is_published_for_one_person(double: Double, client: WebClient) -> None:
    first = client.views_publish(user_id="U0ANA", view=home("1"))["view"]
    second = client.views_publish(user_id="U0ANA", view=home("2"), hash=first["hash"])["view"]
    assert second["id"] == first["id"]
    shown = double.home(TEAM, "U0ANA")
    assert shown is not None
    assert shown.body["blocks"][0]["text"]["text"] == "2"
    assert double.home(TEAM, "U0BEN") is None
    late = {"user_id": "U0ANA", "view": home("3"), "hash": first["hash"]}
    assert refused(client, "views.publish", **late) == "hash_conflict"
    assert refused(client, "views.publish", user_id="U9", view=home("1")) == "user_not_found"
    assert refused(client, "views.publish", user_id="U0ANA", view=modal()) == "invalid_arguments"
    assert double.view(TEAM, "U0ANA") is None, "a home is no modal"
