"""Several asks as one: what is added by rules that failed, or that read the run, never loosens.

Each ask alone is a lower bound: whoever it asks is still asked, whoever it keeps apart stays apart,
and silence comes to nothing that it would not come to there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from policies.assurance import CHANNELS, LADDER, Assurance, Channel, usable
from policies.plan import DEFAULT_PERMIT, Comment, PermitTerms, Risk, Stage
from policies.terms import ASSURANCES, DEADLINES, Ask

_STRICT_FIRST: Final[tuple[Comment, ...]] = ("always", "on_reject", "never")


def merged(asks: Sequence[Ask], risk: Risk, *, allowed: PermitTerms | None = None) -> Ask:
    """Return the one ask that is at least as strict as each of `asks`; nothing is left to the risk.

    Without any, what stands for asking nobody: no stages, the terms of the risk. `allowed` is the
    permit of an `allow` that matches: what joins it makes it no longer.
    """
    permits = [ask.permit for ask in asks] + ([allowed] if allowed is not None else [])
    lives = [ask.expires_in or DEADLINES[risk] for ask in asks]
    assurance = _surest(asks, risk)
    return Ask(
        stages=_stages(asks),
        expires_in=min(lives, default=DEADLINES[risk]),
        on_expiry=_on_expiry(asks, lives, risk),
        comment=min((ask.comment for ask in asks), key=_STRICT_FIRST.index, default="on_reject"),
        permit=_shortest(permits),
        channels=_channels(asks, assurance),
        assurance=assurance,
        extend=min((ask.extend for ask in asks if ask.extend), default=None)
        if all(ask.extend for ask in asks)
        else None,
        # Where one counts every hour, every hour counts: that is the shorter time.
        business=bool(asks) and all(ask.business for ask in asks),
        dwell=max((ask.dwell for ask in asks if ask.dwell), default=None),
    )


def _surest(asks: Sequence[Ask], risk: Risk) -> Assurance:
    """Return the highest proof of who decides that one of these asks for."""
    needed = [ask.assurance or ASSURANCES[risk] for ask in asks]
    return max(needed, key=LADDER.index, default=ASSURANCES[risk])


def _channels(asks: Sequence[Ask], assurance: Assurance) -> tuple[Channel, ...]:
    """Return where all of these let it be decided.

    Where that is nowhere, or nowhere that proves enough, the channel that proves the most stands in:
    what is added must not leave a request that nobody can decide.
    """
    shared = tuple(one for one in CHANNELS if all(one in ask.channels for ask in asks))
    return shared if usable(shared, assurance) else ("web",)


def _shortest(permits: Sequence[PermitTerms]) -> PermitTerms:
    """Return the shortest of each part; the defaults where there is no permit at all."""
    if not permits:
        return DEFAULT_PERMIT
    return PermitTerms(
        valid_for_s=min(one.valid_for_s for one in permits),
        use_by_s=min(one.use_by_s for one in permits),
        result_within_s=min(one.result_within_s for one in permits),
    )


def _stages(asks: Sequence[Ask]) -> tuple[Stage, ...]:
    """Return the stages of all, in order; a stage stands as often as in the ask that has it most.

    Stages of distinct people keep their last places and any other its first, so that whatever came
    before one in an ask still does: a distinct stage that moved to the front would be distinct from
    nobody.
    """
    stages = [stage for ask in asks for stage in ask.stages]
    kept = []
    for at, stage in enumerate(stages):
        others = stages[at + 1 :] if stage.distinct_from_earlier else stages[:at]
        if others.count(stage) < max(ask.stages.count(stage) for ask in asks):
            kept.append(stage)
    return tuple(kept)


def _on_expiry(asks: Sequence[Ask], lives: Sequence[timedelta], risk: Risk) -> str:
    """Return what silence means: expire before one more stage, and that before allowing.

    Where the asks name different roles, or silence would act sooner than one of them says, nobody
    is put in anybody's place: it expires.
    """
    kinds = {ask.on_expiry for ask in asks}
    roles = kinds - {"allow", "expire"}
    if not kinds or "expire" in kinds or len(roles) > 1 or len(set(lives)) > 1:
        return "expire"
    if roles:
        return roles.pop()
    return "allow" if risk == "low" else "expire"
