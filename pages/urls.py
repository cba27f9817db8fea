"""The addresses of the pages."""

from __future__ import annotations

from django.urls import path

from pages.views import alike, inbox, requests, runs, sessions, teamwork

urlpatterns = [
    path("", inbox.inbox, name="inbox"),
    path("workspace", inbox.choose_workspace, name="choose_workspace"),
    path("sign-in", sessions.sign_in_view, name="sign_in"),
    path("sign-out", sessions.sign_out_view, name="sign_out"),
    path("requests/<str:req_id>", requests.request_page, name="request"),
    path("requests/<str:req_id>/decide", requests.decide_view, name="decide"),
    path("requests/<str:req_id>/reveal", requests.reveal_view, name="reveal"),
    path("requests/<str:req_id>/cancel", requests.cancel_view, name="cancel"),
    *(
        path(f"requests/<str:req_id>/{name.replace('_', '-')}", view, name=name)
        for name, view in teamwork.VIEWS.items()
    ),
    path("alike/<str:req_id>", alike.alike_page, name="alike"),
    path("runs/<str:run_id>", runs.run_page, name="run"),
    path("break-glass", inbox.past_the_plan, name="past_the_plan"),
    path("fragments/queue", inbox.queue_fragment, name="queue_fragment"),
    path("fragments/requests/<str:req_id>", requests.request_fragment, name="request_fragment"),
]
