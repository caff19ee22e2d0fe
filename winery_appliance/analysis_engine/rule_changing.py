"""Use cases of rules: a winemaker switches checks and moves limits by style, and first sees what the past would say."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.checks import Check, find_checks
from winery_appliance.analysis_engine.events import ReplayAsked, RuleChanged
from winery_appliance.analysis_engine.measurements import RuleSetting, Severity
from winery_appliance.analysis_engine.models import Replay, RuleRow
from winery_appliance.analysis_engine.rule_commands import AskReplay, ChangeRule
from winery_appliance.analysis_engine.rule_queries import (
    ChangedRule,
    ReplayView,
    find_replay,
    read_changed_rules,
)
from winery_appliance.analysis_engine.tuning import (
    STYLES,
    Limit,
    UnfitLimits,
    find_check,
    fit_limits,
    list_limits,
)
from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.queries import find_names
from winery_appliance.auth.service import Actor, require
from winery_appliance.core import clock, outbox
from winery_appliance.core.errors import Conflict, NotFound, refuse_field
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.core.words import say
from winery_appliance.fermentation.queries import list_fermentations

MOST_WAITING = 5  # replays; each takes the worker some seconds
_MOST_RUNNING = 500


@dataclass(frozen=True)
class RuleView:
    """A check for a style: what it is about, whether it is in use, and its limits with the winery's own figures."""

    check: str
    style: str
    title: str
    severity: Severity
    in_use: bool
    limits: tuple[tuple[str, float], ...]
    defaults: tuple[tuple[str, float], ...]
    changed_at: datetime | None
    changed_by_name: str | None

    @property
    def is_own(self) -> bool:
        """Whether it differs from the default."""
        return not self.in_use or self.limits != self.defaults


def list_rules(session: Session) -> list[RuleView]:
    """Every check for every style, by title."""
    changed = read_changed_rules(session)
    names = find_names(session, [one.changed_by for one in changed if one.changed_by is not None])
    by_key = {(one.setting.check, one.setting.style): one for one in changed}
    checks = sorted(find_checks(), key=lambda check: check.title)
    return [
        _view(check, style, by_key.get((check.id, style)), names)
        for check in checks
        for style in STYLES
    ]


def get_rule(session: Session, check_id: str, style: str) -> RuleView:
    """One of them. Raises NotFound."""
    for rule in list_rules(session):
        if (rule.check, rule.style) == (check_id, style):
            return rule
    raise NotFound(say("There is no such rule."))


def describe_limits(check_id: str, style: str) -> list[Limit]:
    """What can be set of a rule. Raises NotFound."""
    check = find_check(check_id)
    if check is None or style not in STYLES:
        raise NotFound(say("There is no such rule."))
    return list_limits(check, style)


def change_rule(
    session: Session,
    check_id: str,
    style: str,
    command: ChangeRule,
    *,
    actor: Actor,
    seen: Collection[str] | None,
) -> RuleView:
    """Switch a check, or move its limits, for one style; running wines of the style are judged anew.

    What the command does not name stays. Raises NotAllowed, NotFound, ChangedMeanwhile, and Invalid for limits the check
    cannot work with.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    check = find_check(check_id)
    if check is None or style not in STYLES:
        raise NotFound(say("There is no such rule."))
    key = {"winery_id": actor.winery_id, "check_id": check_id, "style": style}
    session.execute(insert(RuleRow).values(**key).on_conflict_do_nothing())
    row = session.scalars(
        select(RuleRow)
        .where(RuleRow.check_id == check_id, RuleRow.style == style)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    refuse_stale(get_rule(session, check_id, style), seen)
    given = command.model_dump(exclude_unset=True)
    wanted = row.limits | given.get("limits", {})
    kept = {name: value for name, value in wanted.items() if value is not None}
    row.limits = _fit(check, style, kept)
    row.in_use = given.get("in_use", row.in_use)
    row.changed_at, row.changed_by = clock.now(), actor.user_id
    session.flush()
    running = list_fermentations(session, status="active", limit=_MOST_RUNNING).items
    outbox.publish_all(
        session, [RuleChanged(actor.winery_id, wine.id) for wine in running if wine.style == style]
    )
    return get_rule(session, check_id, style)


def ask_replay(session: Session, command: AskReplay, *, actor: Actor) -> ReplayView:
    """Have the worker look at a past vintage with these rules.

    Raises NotAllowed, Invalid for a rule or limits that do not exist, and Conflict when too many wait already.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    for at, tried in enumerate(command.rules):
        check = find_check(tried.check)
        if check is None:
            raise refuse_field(
                f"rules.{at}.check", "unknown", say("There is no check of this name.")
            )
        _fit(check, tried.style, tried.limits, before=f"rules.{at}.")
    waiting = select(func.count()).where(Replay.state.in_(("waiting", "running")))
    if session.scalars(waiting).one() >= MOST_WAITING:
        raise Conflict(say("Five replays are waiting already. Ask again when one is done."))
    row = Replay(
        winery_id=actor.winery_id,
        vintage=command.vintage,
        rules=[tried.model_dump() for tried in command.rules],
        asked_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    outbox.publish(session, ReplayAsked(actor.winery_id, row.id))
    return get_replay(session, row.id)


def get_replay(session: Session, replay_id: int) -> ReplayView:
    """The replay. Raises NotFound."""
    found = find_replay(session, replay_id)
    if found is None:
        raise NotFound(say("There is no such replay in this winery."))
    return found


def _fit(
    check: Check, style: str, limits: Mapping[str, float], before: str = ""
) -> dict[str, float]:
    try:
        return fit_limits(check, style, limits)
    except UnfitLimits as unfit:
        raise refuse_field(f"{before}limits.{unfit.limit}", "out_of_range", str(unfit)) from unfit


def _view(
    check: Check, style: str, changed: ChangedRule | None, names: Mapping[int, str]
) -> RuleView:
    setting = changed.setting if changed else RuleSetting(check.id, style)
    defaults = tuple((limit.name, float(limit.default)) for limit in list_limits(check, style))
    by = changed.changed_by if changed else None
    return RuleView(
        check=check.id,
        style=style,
        title=say(check.title),
        severity=check.severity,
        in_use=setting.in_use,
        limits=tuple((name, float(setting.limits.get(name, value))) for name, value in defaults),
        defaults=defaults,
        changed_at=changed.changed_at if changed else None,
        changed_by_name=None if by is None else names.get(by),
    )
