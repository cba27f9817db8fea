"""The JSON Schema of the policy document: what editors complete and check with.

It is also where the parser takes the known and the required keys from. What a schema cannot say
(roles that exist, quorums that can be met, conditions that compile) only the parser checks.
"""

from __future__ import annotations

from typing import Any, Final

from people.schedules.hours import MAX_HOURS
from policies.assurance import CHANNELS, LADDER, TELLINGS

MAX_CASES: Final = 200
MAX_SCHEDULES: Final = 100
MAX_SHIFTS: Final = 20
MAX_TURNS: Final = 100
ROLE_NAME: Final = r"[a-z][a-z0-9_]{0,63}"
ACTION_NAME: Final = r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*"
SCHEDULE_NAME: Final = r"[a-z][a-z0-9_-]{0,59}"
DURATION: Final = r"[1-9][0-9]{0,9}[smhd]"
#: A duration of which only open hours may count.
OF_BUSINESS: Final = " of business"
ESCALATION_NAME: Final = r"[a-z][a-z0-9_]{0,59}"
#: A pager, as the operator named it.
PAGER: Final = r"[a-z0-9][a-z0-9_-]{0,59}"
#: A group of the identity provider, by its name there, without blanks around it.
GROUP: Final = r"idp:[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?"
#: Whom a step tells: a role, a schedule, or somebody by their address.
NOTIFIED: Final = rf"(role:{ROLE_NAME}|schedule:{SCHEDULE_NAME}|person:[^@\s]+@[^@\s]+)"
#: A local time without zone: 2026-01-05T08:00.
LOCAL_TIME: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}"
#: The id of a channel, as Slack gives it; behind that of its team or organisation where several are connected.
SLACK_CHANNEL: Final = r"([TE][A-Z0-9]{2,20}/)?[CG][A-Z0-9]{2,20}"

RISKS: Final = ("low", "medium", "high", "critical")
EFFECTS: Final = ("allow", "ask", "deny")
COMMENTS: Final = ("never", "on_reject", "always")
CONFIRMS: Final = ("owner", "initiator")
#: What a step of an escalation may do; each step does one.
DOES: Final = ("remind", "notify", "widen", "page", "expire")

MAX_NAME: Final = 120
MAX_TEXT: Final = 1_000
MAX_VOTES: Final = 25
MAX_STAGES: Final = 10
#: Lines of one escalation, and how often a line is repeated.
MAX_STEPS: Final = 20
MAX_REPEATS: Final = 20
#: As long as the name of a step may be.
MAX_TOOL: Final = 200

#: The least and the most that each part of `permit` may be, and what it is unless a rule says.
PERMIT: Final[dict[str, tuple[str, str, str]]] = {
    "valid_for": ("10s", "24h", "15m"),
    "use_by": ("1m", "30d", "1d"),
    "result_within": ("1m", "7d", "1h"),
}

#: The least and the most that `dwell` may be.
DWELL: Final = ("1s", "10m")

#: When a case under `tests` takes place unless it says: a Monday noon.
DEFAULT_NOW: Final = "2026-01-05T12:00:00Z"

_AMOUNT: Final[dict[str, Any]] = {"type": "number", "minimum": 0}
_TITLE: Final[dict[str, Any]] = {"type": "string", "minLength": 1, "maxLength": MAX_NAME}
_ROLE: Final[dict[str, Any]] = {"type": "string", "pattern": f"^{ROLE_NAME}$"}
_LABELS: Final[dict[str, Any]] = {
    "type": "array",
    "maxItems": 50,
    "items": {"type": "string", "maxLength": MAX_NAME, "pattern": f"^{ACTION_NAME}$"},
}
_POINTERS: Final[dict[str, Any]] = {
    "type": "array",
    "maxItems": 100,
    "items": {"type": "string", "pattern": "^(/([^~/]|~[01])*)*$"},
}
_CHANNELS: Final[dict[str, Any]] = {
    "type": "array",
    "minItems": 1,
    "maxItems": len(CHANNELS),
    "uniqueItems": True,
    "items": {"enum": list(CHANNELS)},
}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    shape = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**shape, "required": required} if required else shape


def _permit(part: str, meaning: str) -> dict[str, Any]:
    least, most, default = PERMIT[part]
    return {
        "type": "string",
        "pattern": f"^{DURATION}$",
        "default": default,
        "description": f"{meaning}; from {least} to {most}.",
    }


_LOCAL: Final[dict[str, Any]] = {"type": "string", "pattern": f"^{LOCAL_TIME}$"}
#: The shapes of a schedule.
_SCHEDULES: Final[dict[str, Any]] = {
    "schedule": {
        **_object(
            ["timezone"],
            timezone={"type": "string", "maxLength": MAX_NAME, "description": "Europe/Berlin."},
            shifts={
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_SHIFTS,
                "items": {"$ref": "#/$defs/shift"},
                "description": "In order: the first that covers an instant says who.",
            },
            holidays={
                "oneOf": [
                    {"type": "string", "pattern": "^[A-Z]{2}$"},
                    {"$ref": "#/$defs/holidays"},
                ],
                "description": "Whose public holidays: on them, hours do not count.",
            },
            ical={
                "type": "string",
                "maxLength": MAX_TEXT,
                "pattern": "^(uploaded|https://.+)$",
                "description": "A calendar in place of shifts: its address, or uploaded.",
            },
        ),
        "oneOf": [{"required": ["shifts"]}, {"required": ["ical"]}],
    },
    "holidays": _object(
        ["country"],
        country={"type": "string", "pattern": "^[A-Z]{2}$", "description": "DE."},
        subdivision={
            "type": "string",
            "minLength": 1,
            "maxLength": 60,
            "description": "A part of it, such as BY.",
        },
    ),
    "shift": _object(
        ["who"],
        who={
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_TURNS,
            "uniqueItems": True,
            "items": {"type": "string", "maxLength": 254, "pattern": "^[^@\\s]+@[^@\\s]+$"},
            "description": "E-mail addresses, in the order of their turns.",
        },
        rotate={
            "type": "string",
            "pattern": f"^(weekly|daily|none|{DURATION})$",
            "description": "How they take turns; none: all together. Default: weekly if several.",
        },
        until={**_LOCAL, "description": "When it ends, in local time."},
        hours={
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_HOURS,
            "description": "OSM opening_hours: Mo-Fr 08:00-18:00. Default: day and night.",
        },
        on_holidays={
            "type": "boolean",
            "default": False,
            "description": "Whether hours count on holidays as on other days.",
        },
        **{"from": {**_LOCAL, "description": "When the first turn begins, in local time."}},
    ),
}

#: The shapes of a case under `tests`.
_CASES: Final[dict[str, Any]] = {
    "case": _object(
        ["given", "expect"],
        name={**_TITLE, "description": "For people."},
        given={"$ref": "#/$defs/given", "description": "The submission, and what it meets."},
        expect={"$ref": "#/$defs/expect", "description": "What must come of it."},
    ),
    "given": _object(
        ["action", "payload"],
        action={
            "type": "string",
            "maxLength": MAX_NAME,
            "pattern": f"^{ACTION_NAME}$",
            "description": "A declared action.",
        },
        payload={"type": "object", "description": "It must fit the action's schema."},
        now={
            "type": "string",
            "format": "date-time",
            "default": DEFAULT_NOW,
            "description": "The time of the submit, with its offset.",
        },
        agent={"$ref": "#/$defs/given_agent", "description": "Who submits."},
        run={
            "$ref": "#/$defs/given_run",
            "description": "What its run reported; left out: no run.",
        },
    ),
    "given_agent": _object(
        [],
        name={**_TITLE, "default": "agent", "description": "agent.name."},
        owner={**_TITLE, "description": "An e-mail address.", "default": "owner@example.com"},
        count={**_AMOUNT, "description": "What every agent.count(…) comes to.", "default": 0},
        sum={"type": "number", "description": "What every agent.sum(…) comes to.", "default": 0},
    ),
    "given_run": _object(
        [],
        tools={
            "type": "object",
            "propertyNames": {"minLength": 1, "maxLength": MAX_TOOL},
            "additionalProperties": {"type": "integer", "minimum": 1},
            "description": "How often each tool or action was reported.",
        },
        labels={
            "type": "array",
            "maxItems": 50,
            "items": _TITLE,
            "description": "As the agent reports them.",
        },
        cost={**_AMOUNT, "default": 0, "description": "run.cost."},
        tokens={"type": "integer", "minimum": 0, "default": 0, "description": "run.tokens."},
        age={**_AMOUNT, "description": "In seconds.", "default": 0},
    ),
    "expect": _object(
        ["effect"],
        effect={"enum": list(EFFECTS), "description": "What it comes to."},
        rule={
            "type": ["string", "null"],
            "maxLength": MAX_NAME,
            "description": "null: none matched, the fallback is asked.",
        },
        stages={
            "type": "array",
            "maxItems": 100,
            "items": {
                "oneOf": [{"type": "array", "items": _ROLE}, {"enum": list(CONFIRMS)}],
            },
            "description": "The roles of each stage, or who confirms it.",
        },
        approvals={
            "type": "array",
            "maxItems": 100,
            "items": {"type": "integer", "minimum": 1, "maximum": MAX_VOTES},
            "description": "How many approvals each stage takes.",
        },
        channels={**_CHANNELS, "description": "Where it may be decided."},
        assurance={"enum": list(LADDER), "description": "How surely it must be known who decides."},
    ),
}

POLICY_SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:assentry:schema:policy",
    "title": "Assentry policy",
    "description": "Who decides what: roles, actions and rules of one workspace.",
    **_object(
        ["assentry", "fallback", "roles", "actions"],
        assentry={"const": 1, "description": "The version of this format."},
        fallback={**_ROLE, "description": "Asked when no rule matches or nobody else can decide."},
        roles={
            "type": "object",
            "minProperties": 1,
            "maxProperties": 500,
            "propertyNames": {"pattern": f"^{ROLE_NAME}$"},
            "additionalProperties": {"$ref": "#/$defs/role"},
            "description": "Who may be asked, by names such as support_lead.",
        },
        schedules={
            "type": "object",
            "minProperties": 1,
            "maxProperties": MAX_SCHEDULES,
            "propertyNames": {"pattern": f"^{SCHEDULE_NAME}$"},
            "additionalProperties": {"$ref": "#/$defs/schedule"},
            "description": "Who is on duty when.",
        },
        actions={
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1_000,
            "propertyNames": {"maxLength": MAX_NAME, "pattern": f"^{ACTION_NAME}$"},
            "additionalProperties": {"$ref": "#/$defs/action"},
            "description": "What agents may submit, by types such as payments.refund.",
        },
        rules={
            "type": "array",
            "maxItems": 1_000,
            "items": {"$ref": "#/$defs/rule"},
            "description": "In order: the first that matches decides.",
        },
        tools={
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1_000,
            "propertyNames": {"minLength": 1, "maxLength": MAX_TOOL},
            "additionalProperties": {"$ref": "#/$defs/tool"},
            "description": "Labels of the tools that runs report, for run.saw(…).",
        },
        escalations={
            "type": "object",
            "minProperties": 1,
            "maxProperties": 100,
            "propertyNames": {"pattern": f"^{ESCALATION_NAME}$"},
            "additionalProperties": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_STEPS,
                "items": {"$ref": "#/$defs/step"},
            },
            "description": "What happens while nobody decides; rules name one with “escalation”.",
        },
        tests={
            "type": "array",
            "maxItems": MAX_CASES,
            "items": {"$ref": "#/$defs/case"},
            "description": "What must come out; a document that fails one is not saved.",
        },
    ),
    "$defs": {
        **_CASES,
        "role": _object(
            [],
            title={**_TITLE, "description": "What people read. Default: the name with spaces."},
            members={
                "type": "array",
                "maxItems": 1_000,
                "items": {"type": "string", "maxLength": 254, "pattern": "^[^@\\s]+@[^@\\s]+$"},
                "description": "E-mail addresses. Left out: the role is filled elsewhere.",
            },
            slack={
                "type": "string",
                "pattern": f"^{SLACK_CHANNEL}$",
                "description": "The id of the role's channel in Slack: C0123ABC, or T0123ABC/C0123ABC.",
            },
            channels={
                "type": "array",
                "minItems": 1,
                "maxItems": len(TELLINGS),
                "uniqueItems": True,
                "items": {"enum": list(TELLINGS)},
                "description": "How its members are told, in order of preference.",
            },
            schedule={
                "type": "string",
                "pattern": f"^{SCHEDULE_NAME}$",
                "description": "The schedule by which its members are on duty.",
            },
            group={
                "type": "string",
                "maxLength": MAX_NAME,
                "pattern": f"^{GROUP}$",
                "description": "A group of the identity provider whose people are in the role, too.",
            },
        ),
        **_SCHEDULES,
        "action": _object(
            [],
            title={**_TITLE, "description": "What people read. Default: the type."},
            owner={**_ROLE, "description": "The role that owns this kind of action."},
            risk={
                "enum": list(RISKS),
                "default": "medium",
                "description": "Sets time and proof unless a rule does.",
            },
            labels={**_LABELS, "description": "Shown with the request."},
            schema={"type": "object", "description": "JSON Schema (2020-12) of the payload."},
            show={
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_TEXT,
                "description": "One line with fields: Refund {payload.amount} to {payload.customer}",
            },
            editable={**_POINTERS, "description": "What a reviewer may change (JSON pointers)."},
            sensitive={**_POINTERS, "description": "What is hidden until somebody asks for it."},
        ),
        "tool": _object(
            ["labels"], labels={**_LABELS, "minItems": 1, "description": "For run.saw(…)."}
        ),
        "rule": _object(
            ["name", "action", "effect"],
            name={
                **_TITLE,
                "description": "Only once; it is in the log, in answers, and on pages.",
            },
            action={
                "type": "string",
                "maxLength": MAX_NAME,
                "pattern": f"^(\\*|{ACTION_NAME}(\\.\\*)?)$",
                "description": "An action, a prefix such as http.*, or * for all.",
            },
            when={"type": "string", "minLength": 1, "maxLength": 2_000, "description": "CEL."},
            effect={
                "enum": list(EFFECTS),
                "description": "Approved at once, asked about, or rejected at once.",
            },
            ask={"$ref": "#/$defs/ask", "description": "With effect: ask."},
            permit={
                "$ref": "#/$defs/permit",
                "description": "With effect: allow. Where people are asked it stands in ask.",
            },
            reason={
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_TEXT,
                "description": "A sentence for the agent and for people, where the rule decides.",
            },
        ),
        "ask": {
            **_object(
                [],
                stages={
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MAX_STAGES,
                    "items": {"$ref": "#/$defs/stage"},
                    "description": "Steps, one after the other.",
                },
                confirm={
                    "enum": list(CONFIRMS),
                    "description": "The agent's owner confirms alone, or who started the run does.",
                },
                expires_in={
                    "type": "string",
                    "pattern": f"^{DURATION}({OF_BUSINESS})?$",
                    "description": "4h, or 4h of business: then only hours count in which the role's schedule is open.",
                },
                on_expiry={
                    "type": "string",
                    "pattern": f"^(expire|allow|ask:{ROLE_NAME})$",
                    "default": "expire",
                    "description": "What silence means: expire, ask:<role>, or allow (low risk only).",
                },
                channels={
                    **_CHANNELS,
                    "default": list(CHANNELS),
                    "description": "Where it may be decided; elsewhere it is shown with a link.",
                },
                assurance={
                    "enum": list(LADDER),
                    "description": "The least proof of who decides. Default: by the action's risk.",
                },
                comment={
                    "enum": list(COMMENTS),
                    "default": "on_reject",
                    "description": "When a reason is required.",
                },
                dwell={
                    "type": "string",
                    "pattern": f"^{DURATION}$",
                    "description": "How long a request must have been open before who opened it may agree: 1s to 10m. Decided on its page alone. Default: not at all.",
                },
                escalation={
                    "type": "string",
                    "pattern": f"^{ESCALATION_NAME}$",
                    "description": "Default: remind at half the time, tell the action's owner at three quarters.",
                },
                extend={
                    "type": "string",
                    "pattern": f"^{DURATION}$",
                    "description": "The most by which a reviewer may move the deadline, once. Default: not at all.",
                },
                permit={"$ref": "#/$defs/permit", "description": "What the approval is worth."},
            ),
            "oneOf": [{"required": ["stages"]}, {"required": ["confirm"]}],
        },
        "step": {
            **_object(
                ["after"],
                after={
                    "type": "string",
                    "pattern": f"^{DURATION}({OF_BUSINESS})?$",
                    "description": "How long after the stage opened; the time an agent takes to answer does not count.",
                },
                remind={"const": True, "description": "Whoever is asked hears of it once more."},
                notify={
                    "type": "string",
                    "maxLength": 300,
                    "pattern": f"^{NOTIFIED}$",
                    "description": "Told only: role:<name>, schedule:<name> or person:<address>.",
                },
                widen={
                    "type": "string",
                    "pattern": f"^role:{ROLE_NAME}$",
                    "description": "A role that may decide as well from then on.",
                },
                page={
                    "type": "string",
                    "pattern": f"^{PAGER}$",
                    "description": "A pager, by the name that the operator gave it.",
                },
                expire={"const": True, "description": "The deadline is now."},
                via={
                    "type": "array",
                    "minItems": 1,
                    "maxItems": len(TELLINGS),
                    "uniqueItems": True,
                    "items": {"enum": list(TELLINGS)},
                    "description": "With remind and notify: by which channels.",
                },
                repeat={"$ref": "#/$defs/repeat", "description": "The step again, and how often."},
            ),
            "oneOf": [{"required": [one]} for one in DOES],
        },
        "repeat": _object(
            ["every", "times"],
            every={"type": "string", "pattern": f"^{DURATION}$", "description": "15m."},
            times={
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_REPEATS,
                "description": "How many more times.",
            },
        ),
        "permit": _object(
            [],
            valid_for=_permit("valid_for", "How long a permit holds from when it is picked up"),
            use_by=_permit("use_by", "How long after the approval one can be picked up"),
            result_within=_permit("result_within", "How long after its use a result is due"),
        ),
        "stage": _object(
            ["any_of"],
            any_of={
                "type": "array",
                "minItems": 1,
                "maxItems": 20,
                "uniqueItems": True,
                "items": _ROLE,
                "description": "Roles; a person of any of them may vote.",
            },
            approvals={
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_VOTES,
                "default": 1,
                "description": "How many pass the stage.",
            },
            rejections={
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_VOTES,
                "default": 1,
                "description": "How many end the request.",
            },
            distinct_from_earlier={
                "type": "boolean",
                "default": False,
                "description": "Whoever approved an earlier stage does not count here.",
            },
        ),
    },
}


def keys(shape: str | None = None) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the known and the required keys of a definition, or of the document itself."""
    node = POLICY_SCHEMA["$defs"][shape] if shape else POLICY_SCHEMA
    return frozenset(node["properties"]), tuple(node.get("required", ()))
