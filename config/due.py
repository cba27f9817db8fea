"""Which handler keeps which promise: the one place where a kind of due row meets its code.

A handler takes claimed rows, works in a transaction of its own and calls `core.due.finish` there; or,
where rows are kept one by one, settles each under its own fence (`core.due.SETTLE_DUE`).
"""

from __future__ import annotations

from typing import Final

from approvals import cards, telling
from approvals.announcing import tell_due
from approvals.consuming import RESULT
from approvals.ends import EXPIRE
from approvals.sql import ESCALATE, LAPSE
from approvals.turning import DUTY_TURN, duty_turns, turn_due
from callbacks.sending import Deliverer
from callbacks.sql import DELIVER
from core.due import Handler
from escalations.expiry import expire_due
from escalations.permits import lapse_due, result_due
from escalations.stepping import escalate_due
from notifications.mail.accounts import mail_due
from notifications.mail.sending import Gathering, Mail
from notifications.others.sending import Others
from notifications.pagers.sending import Pagers
from notifications.push.sending import Push
from notifications.singly import Singly
from notifications.slack.lanes import SlackSender
from notifications.sql import DIGEST, EMAIL, OTHER, PAGE, PUSH, SLACK, TELL
from oversight.anchors import keeping
from oversight.anchors.targets import ANCHOR
from oversight.exports import keeping as exports
from oversight.retention import AGE, age_due
from people import links
from people.absences import TURN
from people.schedules.feeds import read_due
from people.schedules.services import READ

#: What sends this process's callbacks.
deliverer: Final = Deliverer(telling.bodies)

HANDLERS: dict[str, Handler] = {
    EXPIRE: expire_due,
    ESCALATE: escalate_due,
    LAPSE: lapse_due,
    RESULT: result_due,
    DELIVER: deliverer.take,
    ANCHOR: keeping.keep,
    AGE: age_due,
    TELL: tell_due,
    TURN: turn_due,
    DUTY_TURN: duty_turns,
    SLACK: SlackSender(cards.cards).take,
    EMAIL: Singly(cards.cards, Mail()).take,
    links.MAIL: mail_due,
    DIGEST: Gathering(cards.cards).take,
    PUSH: Singly(cards.cards, Push()).take,
    OTHER: Singly(cards.cards, Others()).take,
    PAGE: Singly(cards.cards, Pagers()).take,
    exports.EXPORT: exports.keep,
    READ: read_due,
}
