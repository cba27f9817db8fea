"""The addresses of the pages."""

from __future__ import annotations

from django.urls import path

from pages.views import (
    absences,
    accounts,
    agent,
    agents,
    ahead,
    alike,
    attention,
    channels,
    deliveries,
    drills,
    endpoint,
    endpoints,
    evidence,
    exports,
    inbox,
    installing,
    keys,
    log,
    mail_link,
    numbers,
    people,
    person,
    policy,
    policy_edit,
    rehearsal,
    requests,
    runs,
    schedule_forms,
    schedules,
    sessions,
    settings,
    slack_link,
    stopping,
    teamwork,
    workspace,
)

urlpatterns = [
    path("", inbox.inbox, name="inbox"),
    path("workspace", inbox.choose_workspace, name="choose_workspace"),
    path("sign-in", sessions.sign_in_view, name="sign_in"),
    path("sign-out", sessions.sign_out_view, name="sign_out"),
    path("forgot-password", accounts.forgot_page, name="forgot_password"),
    path("account/<str:token>", accounts.account_page, name="account_link"),
    path("requests/<str:req_id>", requests.request_page, name="request"),
    path("requests/<str:req_id>/decide", requests.decide_view, name="decide"),
    path("requests/<str:req_id>/reveal", requests.reveal_view, name="reveal"),
    path("requests/<str:req_id>/cancel", requests.cancel_view, name="cancel"),
    *(
        path(f"requests/<str:req_id>/{name.replace('_', '-')}", view, name=name)
        for name, view in teamwork.VIEWS.items()
    ),
    path("m/<str:token>", mail_link.link_page, name="mail_link"),
    path("alike/<str:req_id>", alike.alike_page, name="alike"),
    path("requests/<str:req_id>/log", log.request_log, name="request_log"),
    path("requests/<str:req_id>/evidence", evidence.evidence_page, name="evidence"),
    path("requests/<str:req_id>/evidence.json", evidence.evidence_json, name="evidence_json"),
    path("requests/<str:req_id>/evidence.pdf", evidence.evidence_pdf, name="evidence_pdf"),
    path("log", log.log_page, name="log"),
    path("log/verify", log.verify_view, name="log_verify"),
    path("log/exports", exports.exports_page, name="exports"),
    path("log/exports/<str:export_id>/file", exports.export_file, name="export_file"),
    path("log/exports/<str:export_id>/manifest", exports.export_manifest, name="export_manifest"),
    path("log/<str:event_id>", log.event_page, name="event"),
    path("runs/<str:run_id>", runs.run_page, name="run"),
    path("agents", agents.agents_page, name="agents"),
    path("agents/<str:agt_id>", agent.agent_page, name="agent"),
    path("agents/<str:agt_id>/retire", agent.retire_view, name="agent_retire"),
    *(
        path(f"agents/<str:agt_id>/{name.removeprefix('agent_')}", view, name=name)
        for name, view in agent.VIEWS.items()
    ),
    path("keys", keys.keys_page, name="keys"),
    path("keys/<str:key_id>", keys.key_page, name="key"),
    path("keys/<str:key_id>/rotate", keys.rotate_view, name="key_rotate"),
    path("keys/<str:key_id>/revoke", keys.revoke_view, name="key_revoke"),
    path("workspace/settings", workspace.settings_page, name="workspace_settings"),
    *(
        path(f"workspace/settings/{name}", view, name=f"workspace_{name}")
        for name, view in workspace.VIEWS.items()
    ),
    path("workspace/settings/holds/<str:hld_id>/lift", workspace.lift_view, name="workspace_lift"),
    path("endpoints", endpoints.endpoints_page, name="endpoints"),
    path("endpoints/<str:end_id>", endpoint.endpoint_page, name="endpoint"),
    path("endpoints/<str:end_id>/delete", endpoint.delete_view, name="endpoint_delete"),
    *(
        path(f"endpoints/<str:end_id>/{name.removeprefix('endpoint_')}", view, name=name)
        for name, view in endpoint.VIEWS.items()
    ),
    path("channels", channels.channels_page, name="channels"),
    path("channels/slack", channels.connect_view, name="slack_connect"),
    path("channels/mail/test", channels.mail_view, name="mail_test"),
    path("channels/slack/<str:sla_id>/remove", channels.remove_view, name="slack_remove"),
    *(
        path(f"channels/slack/<str:sla_id>/{name}", view, name=f"slack_{name}")
        for name, view in channels.VIEWS.items()
    ),
    path("schedules", schedules.schedules_page, name="schedules"),
    path("schedules/<str:name>", schedules.schedule_page, name="schedule"),
    path("schedules/<str:name>/override", schedules.override_view, name="schedule_override"),
    path(
        "schedules/<str:name>/overrides/<str:ovr_id>/cancel",
        schedules.cancel_view,
        name="schedule_cancel",
    ),
    path("people", people.people_page, name="people"),
    path("people/invite", people.invite_page, name="people_invite"),
    path("people/<str:per_id>", person.person_page, name="person"),
    path("people/<str:per_id>/deactivate", person.deactivate_page, name="person_deactivate"),
    *(
        path(f"people/<str:per_id>/{name.removeprefix('person_')}", view, name=name)
        for name, view in person.VIEWS.items()
    ),
    path("roles", people.roles_page, name="roles"),
    path("numbers", numbers.numbers_page, name="numbers"),
    path("numbers.csv", numbers.numbers_csv_view, name="numbers_csv"),
    path("numbers/<str:name>", numbers.section_page, name="numbers_section"),
    path("schedules/<str:name>/swap", schedule_forms.swap_view, name="schedule_swap"),
    path("schedules/<str:name>/calendar", schedule_forms.calendar_view, name="schedule_calendar"),
    path("deliveries/<str:cbk_id>", deliveries.delivery_page, name="delivery"),
    path("deliveries/<str:cbk_id>/replay", deliveries.replay_view, name="delivery_replay"),
    path("policy", policy.policy_page, name="policy"),
    path("policy/edit", policy_edit.edit_page, name="policy_edit"),
    path("policy/versions", policy.versions_page, name="policy_versions"),
    path("policy/versions/<int:number>", policy.version_page, name="policy_version"),
    path("rehearsal", rehearsal.rehearsal_page, name="rehearsal"),
    path(
        "requests/<str:req_id>/rehearsal",
        rehearsal.request_rehearsal_page,
        name="request_rehearsal",
    ),
    path("drills", drills.drills_page, name="drills"),
    path("drills/<str:drl_id>", drills.drill_page, name="drill"),
    path("drills/<str:drl_id>/confirm", drills.confirm_view, name="drill_confirm"),
    path("coverage", ahead.coverage_page, name="coverage"),
    path("attention", attention.attention_page, name="attention"),
    path("stop", stopping.stop_page, name="stop"),
    path("stop/<str:kill_id>", stopping.use_page, name="stopped"),
    path("stop/<str:kill_id>/undo", stopping.undo_view, name="stop_undo"),
    path("settings", settings.settings_page, name="settings"),
    path("settings/absences", absences.declare_view, name="settings_away"),
    path("settings/absences/<str:abs_id>", absences.end_view, name="settings_back"),
    path("settings/slack/<str:slu_id>", settings.disconnect_view, name="settings_disconnect"),
    path("settings/browsers/<str:psh_id>", settings.remove_view, name="settings_remove_browser"),
    path("slack/link/<str:token>", slack_link.slack_link_page, name="slack_link"),
    path("sw.js", installing.worker, name="service_worker"),
    path("manifest.webmanifest", installing.manifest, name="manifest"),
    path("break-glass", inbox.past_the_plan, name="past_the_plan"),
    path("fragments/queue", inbox.queue_fragment, name="queue_fragment"),
    path("fragments/exports", exports.exports_fragment, name="exports_fragment"),
    path("fragments/requests/<str:req_id>", requests.request_fragment, name="request_fragment"),
]
