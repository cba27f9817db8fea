"""The statements of the lifecycle: everything that reads or writes requests in bulk or in haste.

Few statements on a prepared connection are what makes the hot calls fast (the ORM's statement
building was measured as the cost, not fsync), and what keeps a transaction readable as a whole.
"""

from __future__ import annotations

from agents.sql import AGENT_FROM_REQUEST, KEY_NAME, RUN_FROM_REQUEST, WHILE_ACTIVE
from audit.log import INSERT_EVENTS
from callbacks.sql import CALLED, INSERT_CALLBACKS
from core.due import INSERT_DUE, PROMISE_FROM
from people.sql import NAME_OF, PERSON_NAME

#: The due kind of an approval whose permit nobody used.
LAPSE = "permit.lapse"

#: The due kind of an escalation: look which steps of the open stage are due (subject: the request).
ESCALATE = "request.escalate"

#: A member of a WITH list: the clock of the permits that `source` opens (``id, workspace_id, use_by``).
PROMISE_LAPSE = PROMISE_FROM.format(
    name="lapses",
    kind=LAPSE,
    source="(SELECT workspace_id, id AS subject, use_by AS due_at FROM {source} WHERE use_by IS NOT NULL)",
)

#: In the order of `approvals.row.Row`.
REQUEST_COLUMNS = f"""
    r.id, r.kind, r.workspace_id, w.slug, r.action, v.payload, v.digest, r.revision, r.status, r.waiting_on,
    r.basis, r.risk, r.title, coalesce(v.stated, r.stated), agent.id, agent.name, owner.id, {PERSON_NAME.format(user="owner_user")},
    v.plan, r.stage, r.created_at, r.expires_at, r.ended_at, r.sequence, votes.list,
    r.run_id, run.external_id, run.agent_version,
    r.initiator_id, {NAME_OF.format(person="r.initiator_id")},
    r.claimed_by_id, {NAME_OF.format(person="r.claimed_by_id")},
    (SELECT earlier.payload FROM approvals_revision earlier
      WHERE earlier.workspace_id = r.workspace_id AND earlier.request_id = r.id
        AND earlier.number = r.revision - 1),
    v.author_id, {NAME_OF.format(person="v.author_id")},
    (SELECT json_agg(json_build_object(
                'id', said.id, 'kind', said.kind, 'person_id', said.person_id,
                'person', {NAME_OF.format(person="said.person_id")}, 'text', said.text,
                'evidence', convert_from(said.evidence, 'UTF8')::json,
                'revision', said.revision, 'at', said.at) ORDER BY said.at, said.id)
       FROM approvals_message said WHERE said.request_id = r.id),
    (SELECT json_build_object('status', done.status, 'detail', done.detail, 'cost', done.cost,
                              'at', done.reported_at)
       FROM approvals_result done WHERE done.request_id = r.id),
    (SELECT json_agg(json_build_object(
                'person_id', glass.person_id, 'person', {NAME_OF.format(person="glass.person_id")},
                'reason', glass.reason, 'at', glass.at) ORDER BY glass.at)
       FROM approvals_breakglass glass
      WHERE glass.request_id = r.id AND glass.revision = r.revision),
    (SELECT json_build_object(
                'person_id', looked.person_id, 'person', {NAME_OF.format(person="looked.person_id")},
                'comment', looked.comment, 'at', looked.at)
       FROM approvals_breakglassreview looked WHERE looked.request_id = r.id),
    CASE WHEN r.permit_state IS NOT NULL THEN (
        SELECT json_build_object(
                   'state', r.permit_state, 'use_by', r.use_by, 'result_missing', r.result_missing,
                   'id', newest.id, 'issued_at', newest.issued_at, 'expires_at', newest.expires_at,
                   'consumed_at', newest.consumed_at, 'consumed_by', {KEY_NAME.format(key="newest.consumed_by_id")})
          FROM (SELECT 1) AS one
          LEFT JOIN LATERAL (SELECT * FROM approvals_permit made WHERE made.request_id = r.id
                              ORDER BY made.issued_at DESC LIMIT 1) AS newest ON true) END,
    agent.state,
    r.erased_at, r.erased_by_id, {NAME_OF.format(person="r.erased_by_id")}, r.erased_as,
    r.extended_at, r.extended_by_id, {NAME_OF.format(person="r.extended_by_id")},
    CASE WHEN r.status = 'pending' THEN (
        SELECT json_agg(json_build_array(asked.name, asked.title) ORDER BY asked.name)
          FROM approvals_stage open
          JOIN people_role asked ON asked.id = ANY(open.roles)
         WHERE open.workspace_id = r.workspace_id AND open.request_id = r.id
           AND open.revision = r.revision AND open.index = r.stage) END
"""

#: Two members of a WITH list: stages that open, with the clocks of their escalations.  The parameters are
#: arrays (`approvals.stages.stage_rows`).
INSERT_STAGES = """
staged AS (
    INSERT INTO approvals_stage (
        id, workspace_id, request_id, revision, index, roles, confirm, approvals, rejections,
        distinct_from_earlier, opened_at)
    SELECT id, workspace_id, request_id, revision, index,
           ARRAY(SELECT json_array_elements_text(roles)::uuid), confirm, approvals, rejections,
           distinct_from_earlier, opened_at
      FROM unnest(%(st_id)s::uuid[], %(st_workspace)s::uuid[], %(st_request)s::uuid[],
                  %(st_revision)s::int[], %(st_index)s::smallint[], %(st_roles)s::json[],
                  %(st_confirm)s::text[], %(st_approvals)s::smallint[], %(st_rejections)s::smallint[],
                  %(st_distinct)s::bool[], %(st_opened_at)s::timestamptz[])
        AS s (id, workspace_id, request_id, revision, index, roles, confirm, approvals, rejections,
              distinct_from_earlier, opened_at)
    ON CONFLICT (workspace_id, request_id, revision, index) DO UPDATE SET closed_at = NULL
),
""" + PROMISE_FROM.format(
    name="looks",
    kind=ESCALATE,
    source="""(
        SELECT workspace_id, subject, due_at
          FROM unnest(%(st_workspace)s::uuid[], %(st_request)s::uuid[], %(st_look_at)s::timestamptz[])
            AS l (workspace_id, subject, due_at)
         WHERE due_at IS NOT NULL)""",
)

# The revision is looked up for each request (OFFSET keeps it so): joined, it could be read by its
# workspace alone, all that were ever written for every request, in a plan made before statistics.
REQUEST_FROM = f"""
    approvals_request r
    {AGENT_FROM_REQUEST}
    {RUN_FROM_REQUEST}
    JOIN LATERAL (
        SELECT * FROM approvals_revision now
         WHERE now.workspace_id = r.workspace_id AND now.request_id = r.id AND now.number = r.revision
        OFFSET 0
    ) v ON true
    LEFT JOIN LATERAL (
        SELECT json_agg(json_build_object(
                   'id', d.id, 'stage', d.stage, 'revision', d.revision, 'person_id', d.person_id,
                   'person', {PERSON_NAME.format(user="du")}, 'on_behalf_of_id', d.on_behalf_of_id,
                   'on_behalf_of', {NAME_OF.format(person="d.on_behalf_of_id")}, 'verdict', d.verdict, 'comment', d.comment,
                   'answer', convert_from(d.answer, 'UTF8')::json,
                   'channel', d.channel, 'assurance', d.assurance,
                   'shown_digest', encode(d.shown_digest, 'hex'), 'at', d.at, 'void', d.void_reason
               ) ORDER BY d.at, d.id) AS list
          FROM approvals_decision d
          JOIN people_person dp ON dp.id = d.person_id
          JOIN people_user du ON du.id = dp.user_id
         WHERE d.request_id = r.id
    ) votes ON true
"""

_INSERT_REQUEST = f"""
WITH made AS (
    INSERT INTO approvals_request (
        id, workspace_id, kind, agent_id, key_id, run_id, initiator_id, action, risk, title, status, waiting_on, basis,
        revision, stage, roles, stated, sequence, created_at, expires_at, ended_at,
        idempotency_key, idempotency_digest, permit_state, use_by, callback_url, callback_endpoint_id)
    SELECT
        %(id)s, %(workspace)s, %(kind)s, %(agent)s, %(key)s, %(run)s, %(initiator)s, %(action)s, %(risk)s, %(title)s,
        %(status)s, %(waiting_on)s, %(basis)s, 1, %(stage)s, %(roles)s, %(stated)s, 1,
        %(created_at)s, %(expires_at)s, %(ended_at)s, %(idempotency_key)s, %(idempotency_digest)s,
        %(permit_state)s, %(use_by)s, %(callback_url)s, %(callback_endpoint)s
    {WHILE_ACTIVE}
    RETURNING id, workspace_id, agent_id, callback_url, callback_endpoint_id, use_by
),
revised AS (
    INSERT INTO approvals_revision (
        id, workspace_id, request_id, number, payload, digest, policy_version_id, plan, created_at)
    VALUES (
        %(revision_id)s, %(workspace)s, %(id)s, 1, %(payload)s, %(digest)s, %(policy_version)s,
        %(plan)s, %(created_at)s)
),
{INSERT_STAGES},
{INSERT_DUE},
{INSERT_EVENTS}
"""

#: One new request with everything that follows from it, in one statement.
INSERT_REQUEST = f"{_INSERT_REQUEST} SELECT 0"

#: The same for one that policy ends at once; how many callbacks are to be sent.
INSERT_ENDED_REQUEST = f"""
{_INSERT_REQUEST},
{PROMISE_LAPSE.format(source="made")},
{INSERT_CALLBACKS.format(source="made")}
SELECT {CALLED}
"""
