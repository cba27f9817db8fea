"""Every metric: its name, its labels, and what it says.  docs/metrics.md holds the same table.

All are gauges, of all workspaces together.  Labels are words of ours: no name, id or text of anybody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from prometheus_client.core import GaugeMetricFamily


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, as it is described."""

    name: str
    says: str
    labels: tuple[str, ...] = ()

    def family(self) -> GaugeMetricFamily:
        """An empty family, to be filled."""
        return GaugeMetricFamily(self.name, self.says, labels=self.labels)


DUE_WAITING: Final = Metric(
    "assentry_due_waiting",
    "Promises that are not kept yet, due or not; counted up to 10,000.",
    ("kind",),
)
DUE_OVERDUE: Final = Metric(
    "assentry_due_overdue",
    "Promises that are more than ten seconds late; counted up to 1,000.",
    ("kind",),
)
DUE_OLDEST: Final = Metric(
    "assentry_due_oldest_seconds",
    "By how much the oldest of the overdue promises is late; 0 where none is.",
    ("kind",),
)
PENDING: Final = Metric(
    "assentry_requests_pending", "Requests that wait; counted up to 100,000.", ("risk",)
)
ENDED: Final = Metric(
    "assentry_requests_ended_last_hour",
    "Requests that ended within the last hour, by how and on what basis.",
    ("outcome", "basis"),
)
SUBMITTED: Final = Metric(
    "assentry_requests_submitted_last_hour",
    "Requests that came within the last hour, by whether they ask people or nobody: policy decided.",
    ("asks",),
)
LATENCY: Final = Metric(
    "assentry_approval_latency_seconds",
    "From the submit to the end of what people ended within the last hour; quantile 1 is the longest.",
    ("quantile",),
)
STEPS: Final = Metric(
    "assentry_escalation_steps_last_hour",
    "Steps of escalations within the last hour.",
    ("kind", "state", "cause"),
)
UNREACHED: Final = Metric(
    "assentry_unreached_requests", "Requests that wait although nobody could be told of them."
)
LATENESS: Final = Metric(
    "assentry_clock_lateness_seconds",
    "How late the clock met deadlines and took steps within the last hour; quantile 1 is the latest.",
    ("what", "quantile"),
)
LAST_LOOK: Final = Metric(
    "assentry_auditor_last_look_timestamp_seconds",
    "When somebody last looked whether the clock does its work.",
)
LAST_WELL: Final = Metric(
    "assentry_auditor_last_well_timestamp_seconds", "When such a look last found nothing wrong."
)
FINDINGS: Final = Metric(
    "assentry_auditor_findings", "What the last look found: how many rows or requests.", ("what",)
)
BEAT: Final = Metric(
    "assentry_heartbeat_last_success_timestamp_seconds", "When the heartbeat last arrived."
)
MESSAGES: Final = Metric(
    "assentry_notifications_last_hour",
    "Messages to people that were written within the last hour, by what became of them.",
    ("channel", "state"),
)
CALLBACKS: Final = Metric(
    "assentry_callbacks_waiting", "Callbacks that were not delivered yet; counted up to 10,000."
)
ATTEMPTS: Final = Metric(
    "assentry_callback_attempts_last_hour",
    "Attempts to deliver callbacks within the last hour, by whether they arrived or failed.",
    ("outcome",),
)
DELAY: Final = Metric(
    "assentry_callback_delay_seconds",
    "How late callbacks arrived within the last hour; quantile 1 is the latest.",
    ("quantile",),
)
CALLS: Final = Metric(
    "assentry_agent_calls_last_hour",
    "Calls of tools and models that agents told within the last hour, by what came of them.",
    ("kind", "status"),
)
LOG: Final = Metric(
    "assentry_log_waiting_events",
    "Events that have no place in the signed log yet; counted up to 10,000.",
)
CONNECTIONS: Final = Metric(
    "assentry_database_connections", "Connections to this database, by what they do.", ("state",)
)
CONNECTIONS_MOST: Final = Metric(
    "assentry_database_connections_max", "How many connections the database server allows."
)
INCOMPLETE: Final = Metric(
    "assentry_metrics_incomplete",
    "1 where these numbers took too long to count and are left out this time.",
    ("section",),
)
BUILD: Final = Metric("assentry_build_info", "1, with the version of the server.", ("version",))

METRICS: Final[tuple[Metric, ...]] = (
    DUE_WAITING,
    DUE_OVERDUE,
    DUE_OLDEST,
    PENDING,
    ENDED,
    SUBMITTED,
    LATENCY,
    STEPS,
    UNREACHED,
    LATENESS,
    LAST_LOOK,
    LAST_WELL,
    FINDINGS,
    BEAT,
    MESSAGES,
    CALLBACKS,
    ATTEMPTS,
    DELAY,
    CALLS,
    LOG,
    CONNECTIONS,
    CONNECTIONS_MOST,
    INCOMPLETE,
    BUILD,
)
