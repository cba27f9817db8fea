"""Where a workspace's checkpoints go: added and removed by operators, each with its event."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet

from audit import kinds
from audit.actor import Actor
from audit.log import Commitment, record
from core import http, ids
from core.clock import ClockTimestamp
from core.due import INSERT_DUE, WITHDRAW_DUE, Promise, due_rows
from core.nudge import nudger
from oversight.anchors import errors, files
from oversight.anchors.timestamps import roots_of
from oversight.anchors.webhooks import about
from oversight.models import AnchorTarget
from people.models import Workspace
from signing import signatures
from signing.sealing import sealer

#: The due kind: a checkpoint is to be laid down at the target that the row is about.
ANCHOR: Final = "audit.anchor"
MOST: Final = 10
LONGEST_URL: Final = 2_000


@dataclass(frozen=True, slots=True)
class Added:
    """A new target; of a webhook, its secret and public key, at the only moment they are shown."""

    target: AnchorTarget
    secret: str | None = None
    public: str | None = None


def add(
    *,
    actor: Actor,
    workspace: Workspace,
    kind: AnchorTarget.Kind,
    url: str | None = None,
    roots: str | None = None,
) -> Added:
    """Let a workspace's checkpoints go to one more place.  The first one goes at once.

    Args:
        url: of a webhook or an authority.
        roots: certificates in PEM that an authority's timestamps must lead to.

    Raises:
        Refusal: no folder is configured, the address may not be called, the certificates cannot be
            read, the anchor exists, or there are too many.
    """
    target = AnchorTarget(id=ids.uuid7(), workspace=workspace, kind=kind, url=url, roots=roots)
    if kind == AnchorTarget.Kind.FILE and files.folder() is None:
        raise errors.NoFolder
    if url is not None:
        target.url = _checked(url, plain=workspace.plain_http or kind == AnchorTarget.Kind.TSA)
    if roots is not None:
        roots_of(roots)
    added = _with_secret(target) if kind == AnchorTarget.Kind.WEBHOOK else Added(target)
    try:
        with transaction.atomic():
            _insert(actor, target)
    except IntegrityError:
        raise errors.AnchorExists from None
    return added


def _insert(actor: Actor, target: AnchorTarget) -> None:
    workspace = Workspace.objects.select_for_update(no_key=True).get(id=target.workspace_id)
    if active(workspace.id).count() >= MOST:
        raise errors.TooManyAnchors(most=MOST)
    target.save(force_insert=True)
    now = (
        AnchorTarget.objects.annotate(now=ClockTimestamp())
        .values_list("now", flat=True)
        .get(id=target.id)
    )
    promise = Promise(ANCHOR, workspace.id, target.id, now)
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {INSERT_DUE} SELECT 1", due_rows([promise]))
    _tell(actor, target, kinds.AnchorAdded(type=target.kind), url=target.url)
    transaction.on_commit(partial(nudger.nudge, ANCHOR))


def remove(*, actor: Actor, workspace: Workspace, target_id: UUID) -> AnchorTarget:
    """Send a workspace's checkpoints there no longer; what lies there stays.

    Raises:
        NoSuchAnchor: there is none, or it was removed before.
    """
    with transaction.atomic():
        target = active(workspace.id).select_for_update(no_key=True).filter(id=target_id).first()
        if target is None:
            raise errors.NoSuchAnchor(slug=workspace.slug, id=ids.encode("anc", target_id))
        target.state = AnchorTarget.State.REMOVED
        target.save(update_fields=["state"])
        with connection.cursor() as cursor:
            cursor.execute(f"WITH {WITHDRAW_DUE} SELECT 1", {"due_withdrawn": [target.id]})
        _tell(actor, target, kinds.AnchorRemoved(type=target.kind))
    return target


def arrange(*, actor: Actor) -> int:
    """Give every workspace the folder as an anchor that never had it; how many got it.

    One that an operator removed stays removed.  Nothing where no folder is configured.
    """
    if files.folder() is None:
        return 0
    having = AnchorTarget.objects.filter(kind=AnchorTarget.Kind.FILE).values("workspace_id")
    given = 0
    for workspace in Workspace.objects.exclude(id__in=having).order_by("id"):
        try:
            add(actor=actor, workspace=workspace, kind=AnchorTarget.Kind.FILE)
            given += 1
        except (errors.AnchorExists, errors.TooManyAnchors):
            continue  # another process was first
    return given


def active(workspace: UUID) -> QuerySet[AnchorTarget]:
    """The targets of a workspace that are not removed, the oldest first."""
    return AnchorTarget.objects.filter(
        workspace_id=workspace, state=AnchorTarget.State.ACTIVE
    ).order_by("id")


def _checked(url: str, *, plain: bool) -> str:
    try:
        if len(url) > LONGEST_URL:
            raise http.Refused(f"An address has at most {LONGEST_URL} characters.")
        return http.check(url, plain=plain)
    except http.Refused as error:
        raise errors.BadAddress(said=str(error)) from error


def _with_secret(target: AnchorTarget) -> Added:
    pair = signatures.new_pair()
    target.secret = sealer().seal(pair.secret, about(target.id, "secret"))
    target.private = sealer().seal(pair.private, about(target.id, "private"))
    target.public = pair.public
    return Added(target, signatures.show_secret(pair.secret), signatures.show_public(pair.public))


def _tell(actor: Actor, target: AnchorTarget, data: kinds.Data, *, url: str | None = None) -> None:
    record(
        actor=actor,
        workspace=target.workspace_id,
        subject=("anc", target.id),
        data=data,
        commits={"url": Commitment(url.encode())} if url else None,
    )
