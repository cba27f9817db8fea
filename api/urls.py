"""The addresses of the API, below ``/api/``."""

from __future__ import annotations

from django.urls import path

from api.views import (
    absences,
    agent,
    audit,
    channels,
    conversation,
    directory,
    docs,
    drills,
    endpoints,
    erasures,
    events,
    exports,
    keys,
    kill_switch,
    numbers,
    own,
    past,
    people,
    permits,
    policy,
    policy_work,
    rehearsal,
    runs,
    saved_views,
    schedules,
    session,
    teamwork,
    workspace,
)
from oversight.numbers.sections import SECTIONS

urlpatterns = [
    path("v1/requests", agent.Requests.as_view(), name="api_requests"),
    path("v1/requests/wait", agent.Wait.as_view(), name="api_wait"),
    path("v1/requests/preview", agent.Preview.as_view(), name="api_preview"),
    path("v1/requests/<str:request_id>", agent.RequestDetail.as_view(), name="api_request"),
    path("v1/questions", agent.Questions.as_view(), name="api_questions"),
    path(
        "v1/requests/<str:request_id>/messages",
        conversation.Messages.as_view(),
        name="api_messages",
    ),
    path("v1/requests/<str:request_id>/revise", conversation.Revise.as_view(), name="api_revise"),
    path(
        "v1/requests/<str:request_id>/revisions",
        conversation.Revisions.as_view(),
        name="api_revisions",
    ),
    path("v1/requests/<str:request_id>/cancel", agent.Cancel.as_view(), name="api_cancel"),
    path(
        "v1/requests/<str:request_id>/decisions", people.Decisions.as_view(), name="api_decisions"
    ),
    path(
        "v1/requests/<str:request_id>/sensitive", people.Sensitive.as_view(), name="api_sensitive"
    ),
    *(
        path(f"v1/requests/<str:request_id>/{name}", view.as_view(), name=f"api_{name}")
        for name, view in (
            ("events", events.RequestEvents),
            ("comments", conversation.Comments),
            ("claim", teamwork.Claim),
            ("escalate", teamwork.Escalate),
            ("extend", teamwork.Extend),
            ("clock", teamwork.Clock),
            ("rehearsal", rehearsal.Rehearsal),
            ("similar", past.Similar),
            ("release", teamwork.Release),
            ("reassign", teamwork.Reassign),
            ("watch", teamwork.Watch),
            ("result", agent.Result),
            ("break_glass", teamwork.BreakGlass),
            ("notifications", channels.Notifications),
        )
    ),
    path(
        "v1/requests/<str:request_id>/break_glass/review",
        teamwork.Review.as_view(),
        name="api_break_glass_review",
    ),
    path("v1/requests/<str:subject>/permit", permits.Permit.as_view(), name="api_permit"),
    path("v1/requests/<str:request_id>/revoke", permits.Revoke.as_view(), name="api_revoke"),
    path("v1/permits/<str:subject>/consume", permits.Consume.as_view(), name="api_consume"),
    path(
        "v1/permits/<str:subject>/result", permits.PermitResult.as_view(), name="api_permit_result"
    ),
    path("v1/agents", keys.Agents.as_view(), name="api_agents"),
    path("v1/agents/<str:agent_id>", keys.AgentDoor.as_view(), name="api_agent"),
    path("v1/agents/<str:agent_id>/keys", keys.AgentKeys.as_view(), name="api_agent_keys"),
    path("v1/keys", keys.Keys.as_view(), name="api_keys"),
    path("v1/keys/<str:key_id>", keys.KeyDoor.as_view(), name="api_key"),
    path("v1/keys/<str:key_id>/rotate", keys.Rotate.as_view(), name="api_key_rotate"),
    path("v1/workspace", workspace.WorkspaceDoor.as_view(), name="api_workspace"),
    path("v1/endpoints", endpoints.Endpoints.as_view(), name="api_endpoints"),
    path("v1/endpoints/<str:endpoint_id>", endpoints.EndpointDetail.as_view(), name="api_endpoint"),
    *(
        path(f"v1/endpoints/<str:endpoint_id>/{name}", view.as_view(), name=f"api_endpoint_{name}")
        for name, view in (
            ("rotate", endpoints.Rotate),
            ("test", endpoints.Test),
            ("deliveries", endpoints.Deliveries),
            ("replay", endpoints.ReplayAll),
        )
    ),
    path("v1/callbacks/<str:callback_id>", endpoints.CallbackDetail.as_view(), name="api_callback"),
    path("v1/callbacks/<str:callback_id>/replay", endpoints.Replay.as_view(), name="api_replay"),
    path("v1/channels", channels.Channels.as_view(), name="api_channels"),
    path("v1/channels/slack", channels.SlackApps.as_view(), name="api_slack_apps"),
    path(
        "v1/channels/slack/manifest",
        channels.SlackManifestDoor.as_view(),
        name="api_slack_manifest",
    ),
    path(
        "v1/channels/slack/<str:installation_id>",
        channels.SlackDetail.as_view(),
        name="api_slack_app",
    ),
    *(
        path(
            f"v1/channels/slack/<str:installation_id>/{name}",
            view.as_view(),
            name=f"api_slack_{name}",
        )
        for name, view in (("try", channels.SlackTry), ("test", channels.SlackTestDoor))
    ),
    path("v1/schedules", schedules.Schedules.as_view(), name="api_schedules"),
    path("v1/schedules/<str:name>", schedules.ScheduleDetail.as_view(), name="api_schedule"),
    *(
        path(f"v1/schedules/<str:name>/{name}", view.as_view(), name=f"api_schedule_{name}")
        for name, view in (
            ("overrides", schedules.Overrides),
            ("swaps", schedules.Swaps),
            ("ical", schedules.Ical),
        )
    ),
    path(
        "v1/schedules/<str:name>/overrides/<str:override_id>",
        schedules.OverrideDetail.as_view(),
        name="api_schedule_override",
    ),
    path("v1/kill_switch", kill_switch.KillSwitch.as_view(), name="api_kill_switch"),
    path("v1/kill_switch/<str:kill_id>/undo", kill_switch.KillUndo.as_view(), name="api_kill_undo"),
    path("v1/requests/<str:request_id>/evidence", audit.Evidence.as_view(), name="api_evidence"),
    path(
        "v1/requests/<str:request_id>/evidence.pdf",
        audit.EvidencePdf.as_view(),
        name="api_evidence_pdf",
    ),
    path("v1/audit/checkpoint", audit.Checkpoints.as_view(), name="api_checkpoint"),
    path("v1/audit/events", audit.Events.as_view(), name="api_audit_events"),
    path("v1/audit/events/<str:event_id>/proof", audit.Proof.as_view(), name="api_audit_proof"),
    path("v1/audit/access", audit.Access.as_view(), name="api_audit_access"),
    path("v1/audit/consistency", audit.Consistency.as_view(), name="api_audit_consistency"),
    path("v1/numbers", numbers.Numbers.as_view(), name="api_numbers"),
    *(
        path(f"v1/numbers/{name}", numbers.OneSection.as_view(section=section))
        for name, section in SECTIONS.items()
    ),
    path("v1/erasures", erasures.Erasures.as_view(), name="api_erasures"),
    path("v1/holds", erasures.Holds.as_view(), name="api_holds"),
    path("v1/holds/<str:hold_id>/lift", erasures.Lift.as_view(), name="api_hold_lift"),
    path("v1/audit/exports", exports.Exports.as_view(), name="api_exports"),
    path("v1/audit/exports/<str:export_id>", exports.ExportDetail.as_view(), name="api_export"),
    *(
        path(f"v1/audit/exports/<str:export_id>/{name}", view.as_view(), name=f"api_export_{name}")
        for name, view in (
            ("content", exports.ExportContent),
            ("manifest", exports.ExportManifest),
        )
    ),
    path("v1/break_glass", teamwork.PastThePlan.as_view(), name="api_past_the_plan"),
    path("v1/decisions", teamwork.Alike.as_view(), name="api_alike"),
    path("v1/actions/record", agent.Record.as_view(), name="api_record"),
    path("v1/runs", runs.Runs.as_view(), name="api_runs"),
    path("v1/runs/<str:run_id>", runs.RunDetail.as_view(), name="api_run"),
    path("v1/runs/<str:run_id>/steps", runs.Steps.as_view(), name="api_steps"),
    path("v1/me/views", saved_views.MyViews.as_view(), name="api_my_views"),
    path("v1/me/views/<str:view_id>", saved_views.MyView.as_view(), name="api_my_view"),
    path("v1/inbox", people.Inbox.as_view(), name="api_inbox"),
    path("v1/inbox/events", people.InboxEvents.as_view(), name="api_inbox_events"),
    path("v1/policies", policy.Policies.as_view(), name="api_policies"),
    path("v1/policies/check", policy_work.CheckPolicy.as_view(), name="api_policy_check"),
    path("v1/policies/diff", policy_work.ComparePolicy.as_view(), name="api_policy_diff"),
    path("v1/policies/test", policy_work.TryPolicy.as_view(), name="api_policy_test"),
    path("v1/policies/active", policy.ActivePolicy.as_view(), name="api_policy"),
    path("v1/policies/<int:number>", policy.PolicyVersionDetail.as_view(), name="api_version"),
    path(
        "v1/policies/<int:number>/diff", policy.PolicyVersionDiff.as_view(), name="api_version_diff"
    ),
    path("v1/drills", drills.Drills.as_view(), name="api_drills"),
    path("v1/drills/<str:drill_id>", drills.Drill.as_view(), name="api_drill"),
    path("v1/drills/<str:drill_id>/confirm", drills.Confirm.as_view(), name="api_drill_confirm"),
    path("v1/rehearsals", rehearsal.Rehearsals.as_view(), name="api_rehearsals"),
    path("v1/coverage", rehearsal.Coverage.as_view(), name="api_coverage"),
    path("v1/policy.schema.json", policy.PolicySchema.as_view(), name="api_policy_schema"),
    path("v1/openapi.json", docs.OpenApi.as_view(), name="api_openapi"),
    path("docs", docs.docs_page, name="api_docs"),
    path("v1/session", session.SessionDoor.as_view(), name="api_session"),
    path("v1/me", people.Me.as_view(), name="api_me"),
    path("v1/me/preferences", own.MyPreferences.as_view(), name="api_my_preferences"),
    path("v1/me/sessions", own.MySessions.as_view(), name="api_my_sessions"),
    path("v1/me/sessions/<str:session_id>", own.MySession.as_view(), name="api_my_session"),
    path("v1/me/slack", own.MySlack.as_view(), name="api_my_slack"),
    path("v1/me/slack/<str:binding_id>", own.MySlackUser.as_view(), name="api_my_slack_user"),
    path("v1/me/browsers", own.MyBrowsers.as_view(), name="api_my_browsers"),
    path("v1/me/browsers/<str:browser_id>", own.MyBrowser.as_view(), name="api_my_browser"),
    path("v1/me/absences", absences.MyAbsences.as_view(), name="api_my_absences"),
    path("v1/me/absences/<str:absence_id>", absences.MyAbsence.as_view(), name="api_my_absence"),
    path("v1/people/absences", absences.Absences.as_view(), name="api_absences"),
    path(
        "v1/people/absences/<str:absence_id>",
        absences.AbsenceDetail.as_view(),
        name="api_absence",
    ),
    path(
        "v1/people/<str:person_id>/absences",
        absences.AbsencesOf.as_view(),
        name="api_absences_of",
    ),
    path("v1/people", directory.People.as_view(), name="api_people"),
    path("v1/people/<str:person_id>", directory.PersonDetail.as_view(), name="api_person"),
    *(
        path(f"v1/people/<str:person_id>/{name}", view.as_view(), name=f"api_person_{name}")
        for name, view in (
            ("reset", directory.PersonReset),
            ("invitation", directory.PersonInvitation),
        )
    ),
    path(
        "v1/people/<str:person_id>/roles/<str:name>",
        directory.PersonRole.as_view(),
        name="api_person_role",
    ),
    path(
        "v1/people/<str:person_id>/permissions/<str:name>",
        directory.PersonPermission.as_view(),
        name="api_person_permission",
    ),
    path("v1/roles", directory.Roles.as_view(), name="api_roles"),
]
