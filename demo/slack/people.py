"""What people do in Slack, and what Slack then does with the product's answer."""

from __future__ import annotations

from typing import Any, Unpack

from demo.slack import blocks as block_kit
from demo.slack import delivery, entries, payloads
from demo.slack.api import Api
from demo.slack.arguments import Arguments
from demo.slack.chat import named
from demo.slack.delivery import COMMANDS, EVENTS, INTERACTIONS, Answer, How
from demo.slack.errors import SlackError
from demo.slack.state import Channel, Message, Team, User, View
from demo.slack.views import place, replace


class People(Api):
    """Everything that a person does; each sends what Slack would, and returns what the product said.

    `app` is where the product is. What a person cannot do in Slack is a ValueError here: press what is
    not there, submit what Slack's own form would hold back, write in an archived channel.
    """

    app: str = ""

    def press(
        self,
        team: Team | str,
        user: User | str,
        where: Message | View,
        what: str,
        value: Any = None,
        *,
        block: str | None = None,
        **how: Unpack[How],
    ) -> Answer:
        """Press a button, or choose `value` in another element; `what` is an action id or what stands on it."""
        there, person = self._who(team, user)
        with self._changed:
            held, element = _element(where, person, what, block)
            action = {"action_id": element["action_id"], "block_id": held["block_id"]}
            chosen = element.get("value") if element["type"] == "button" else value
            action |= entries.entered(element, chosen)
            kept = ("text", "style", "placeholder") if element["type"] == "button" else ()
            action |= {name: element[name] for name in kept if name in element}
            action = {
                name: one for name, one in action.items() if name != "value" or one is not None
            }
            payload = payloads.block_actions(self.state, there, person, where, action)
        return self.deliver(there, INTERACTIONS, payload, **how)

    def submit(
        self, view: View, values: dict[str, Any] | None = None, **how: Unpack[How]
    ) -> Answer:
        """Send a modal with what was entered, by action or block id; then what the answer says is done.

        Raises:
            ValueError: the view is not open, or Slack itself would hold the form back.
        """
        there, person = self._who(view.team, view.user)
        with self._changed:
            if view.state != "open" or view.home:
                raise ValueError("the view is not open")
            state, refused = entries.values(view.body["blocks"], values or {})
            if refused:
                raise ValueError(f"Slack would not submit this: {refused}")
            payload = payloads.view_submission(self.state, there, person, view, state)
        answer = self.deliver(there, INTERACTIONS, payload, **how)
        if answer.taken:
            with self._changed:
                self._submitted(there, view, answer)
        return answer

    def close_view(self, view: View, **how: Unpack[How]) -> Answer | None:
        """Close a modal; the product is told only where it asked to be."""
        there, person = self._who(view.team, view.user)
        with self._changed:
            if view.state != "open" or view.home:
                raise ValueError("the view is not open")
            view.state = "closed"
            payload = payloads.view_closed(there, person, view, cleared=False)
        told = view.body["notify_on_close"]
        return self.deliver(there, INTERACTIONS, payload, **how) if told else None

    def command(
        self,
        team: Team | str,
        user: User | str,
        channel: Channel | str,
        name: str,
        text: str = "",
        **how: Unpack[How],
    ) -> Answer:
        """Write a slash command; what it answers is shown to the person alone, or to all where it says so."""
        there, person = self._who(team, user)
        place_ = self._channel(there, channel)
        with self._changed:
            payload = payloads.command(self.state, there, person, place_, name, text)
        answer = self.deliver(there, COMMANDS, dict(payload), **how)
        if answer.taken and answer.body.strip():
            with self._changed:
                self._told(there, place_, person, answer)
        return answer

    def say(
        self,
        team: Team | str,
        user: User | str,
        channel: Channel | str,
        text: str,
        thread_ts: str | None = None,
        **how: Unpack[How],
    ) -> Answer:
        """Write in a channel or a thread; `again` sends the same once more, as Slack's retries do."""
        there, person = self._who(team, user)
        place_ = self._channel(there, channel)
        with self._changed:
            if place_.archived:
                raise ValueError("nobody can write in an archived channel")
            if not place_.member:
                raise ValueError("the app is not in this channel, so nobody tells it")
            ts = self.state.ts()
            message = Message(there.id, place_.id, ts, person.id, payloads.typed(text))
            message.thread_ts = thread_ts
            place_.messages[ts] = message
            event = payloads.message_event(there, place_, message)
        return self.event(there, event, **how)

    def echo(self, message: Message, **how: Unpack[How]) -> Answer:
        """Tell the product of a message that stands there, as Slack does of the app's own too."""
        there = self.team(message.team)
        event = payloads.message_event(there, there.channels[message.channel], message)
        return self.event(there, event, **how)

    def open_home(self, team: Team | str, user: User | str, **how: Unpack[How]) -> Answer:
        """Open the app's Home."""
        there, person = self._who(team, user)
        with self._changed:
            home = there.home_of(person.id)
            event: dict[str, Any] = {"type": "app_home_opened", "user": person.id, "tab": "home"}
            event |= {"channel": there.dm(person.id).id, "event_ts": self.state.ts()}
            if home:
                event["view"] = home.body
        return self.event(there, event, **how)

    def tokens_revoked(self, team: Team | str, **how: Unpack[How]) -> Answer:
        """Tell the product that its token is gone; `revoke_token` is what takes it."""
        there = self.team(team)
        tokens = {"oauth": [], "bot": [there.bot_user]}
        return self.event(there, {"type": "tokens_revoked", "tokens": tokens}, **how)

    def app_uninstalled(self, team: Team | str, **how: Unpack[How]) -> Answer:
        """Tell the product that the app was removed; `remove_app` is what removes it."""
        return self.event(team, {"type": "app_uninstalled"}, **how)

    def event(self, team: Team | str, event: dict[str, Any], **how: Unpack[How]) -> Answer:
        """Send any event."""
        there = self.team(team)
        with self._changed:
            payload = payloads.event_callback(self.state, there, event)
        return self.deliver(there, EVENTS, payload, **how)

    def verify_url(self, team: Team | str, **how: Unpack[How]) -> Answer:
        """Ask the product for its challenge back, as Slack does when a request URL is entered."""
        asked = {"token": payloads.TOKEN, "challenge": self.state.trigger("", "")}
        return self.deliver(self.team(team), EVENTS, {**asked, "type": "url_verification"}, **how)

    def again(
        self, answer: Answer, number: int = 1, reason: str = "http_timeout", **how: Unpack[How]
    ) -> Answer:
        """Send the same bytes once more, as Slack does where it was not told 200 in time."""
        retry = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": reason}
        return self._post(
            self.team(answer.team), answer.path, answer.payload, how, retry, answer.raw
        )

    def deliver(self, team: Team, path: str, payload: dict[str, Any], **how: Unpack[How]) -> Answer:
        """Send a payload, over HTTP or over the team's socket; never while the state is held."""
        if "change" in how:
            how["change"](payload)
        return self._post(team, path, payload, how)

    def _post(
        self,
        team: Team,
        path: str,
        payload: dict[str, Any],
        how: How,
        more: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        if team.socket and self.links:
            answer = delivery.hand_over(self.links, team, path, payload, how, more or {})
        else:
            secret, now = team.signing_secret, self.state.now()
            sender = delivery.Sender(self.app, team.id, secret, now, how)
            answer = sender.post(path, payload, more or {}, raw)
        with self._changed:
            self.sent.append(answer)
            self._changed.notify_all()
        return answer

    def _submitted(self, team: Team, view: View, answer: Answer) -> None:
        """What becomes of a modal: nothing said closes it."""
        said = answer.json if isinstance(answer.json, dict) else {}
        match said.get("response_action"):
            case "errors":
                view.errors = {str(key): str(one) for key, one in said.get("errors", {}).items()}
                asking = {one["block_id"] for one in view.body["blocks"] if one["type"] == "input"}
                if not view.errors or view.errors.keys() - asking:
                    self._breaks("view_submission", team, "errors must name input blocks")
            case "clear":
                for one in team.open_views(view.user):
                    one.state = "submitted"
            case "update" | "push" as kind:
                self._replaced(team, view, said.get("view"), push=kind == "push")
            case None:
                view.state = "submitted"
            case _:
                self._breaks("view_submission", team, "unknown response_action")

    def _replaced(self, team: Team, view: View, body: Any, *, push: bool) -> None:
        problems = block_kit.view_problems(body, "modal")
        if problems:
            self._breaks("view_submission", team, *problems)
        elif push:
            place(self.state, team, view.user, body, view)
        else:
            replace(self.state, team, view, body)

    def _told(self, team: Team, channel: Channel, user: User, answer: Answer) -> None:
        """Show what a command answered."""
        said = answer.json if isinstance(answer.json, dict) else {"text": answer.body}
        blocks = Arguments(said).structure("blocks") or []
        problems = block_kit.message_problems(blocks)
        if problems:
            self._breaks("command", team, *problems)
            return
        ts, to_all = self.state.ts(), said.get("response_type") == "in_channel"
        message = Message(team.id, channel.id, ts, team.bot_user, str(said.get("text", "")))
        message.blocks, message.bot = named(blocks), True
        message.only_for = None if to_all else user.id
        channel.messages[ts] = message

    def _breaks(self, method: str, team: Team, *messages: str) -> None:
        self.complain(method, team.id, SlackError("invalid_arguments", messages))

    def _who(self, team: Team | str, user: User | str) -> tuple[Team, User]:
        there = self.team(team)
        return there, user if isinstance(user, User) else there.users[user]

    def _channel(self, team: Team, channel: Channel | str) -> Channel:
        return channel if isinstance(channel, Channel) else self.channel(team, channel)


def _element(
    where: Message | View, user: User, what: str, block: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The one element that is meant, with its block.

    Raises:
        ValueError: the person does not see it, or it is not one.
    """
    if isinstance(where, View):
        blocks, unseen = where.body["blocks"], where.user != user.id or where.state != "open"
    else:
        blocks, unseen = where.blocks, where.deleted or where.only_for not in (None, user.id)
    if unseen:
        raise ValueError(f"{user.name} does not see this")
    there = [one for one in entries.elements(blocks) if block in (None, one[0]["block_id"])]
    found = [one for one in there if what in (one[1]["action_id"], entries.label(one[1]))]
    if len(found) != 1:
        names = ", ".join(f"{one['action_id']} ({entries.label(one)})" for _, one in there)
        raise ValueError(f"{len(found)} elements are {what!r}; there are: {names or 'none'}")
    return found[0]
