"""What the pages of rules show: the list of checks, one check for one style, and what a replay found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.past import find_vintage
from winery_appliance.analysis_engine.rule_changing import (
    RuleView,
    describe_limits,
    get_replay,
    get_rule,
    list_rules,
)
from winery_appliance.analysis_engine.rule_queries import ReplayView, list_replays
from winery_appliance.analysis_engine.tuning import STYLES, Limit, find_check
from winery_appliance.core.errors import NotFound
from winery_appliance.core.version_tags import make_tag
from winery_appliance.core.words import say
from winery_appliance.fermentation.queries import list_fermentations

_LAST_REPLAYS = 10
_FERMENTS_LOOKED_AT = 2000


@dataclass(frozen=True)
class RuleRow:
    """A check in the list, by style."""

    check: str
    title: str
    severity: str
    by_style: Mapping[str, RuleView]


@dataclass(frozen=True)
class RulesPage:
    """Every check, and the last replays."""

    rows: list[RuleRow]
    replays: Sequence[ReplayView]
    own: int


@dataclass(frozen=True)
class RulePage:
    """One check for one style, with what can be set and the vintages it can be tried on."""

    rule: RuleView
    about: str
    clears: str
    limits: list[Limit]
    version: str
    vintages: list[int]


@dataclass(frozen=True)
class Tally:
    """How many alarms there were, in how many wines, and how many of them were false; None where nobody can say."""

    check: str
    title: str
    alarms: int
    wines: int
    false: int | None


@dataclass(frozen=True)
class ReplayPage:
    """A replay with its alarms counted by check, as the rules stood and as they were tried."""

    replay: ReplayView
    now: list[Tally]
    then: list[Tally]
    alarms: list[dict[str, Any]]
    titles: Mapping[str, str]
    rule: RuleView | None
    version: str


def read_rules_page(session: Session) -> RulesPage:
    """Every check with its settings."""
    rules = list_rules(session)
    by_check: dict[str, dict[str, RuleView]] = {}
    for rule in rules:
        by_check.setdefault(rule.check, {})[rule.style] = rule
    rows = []
    for check, by_style in by_check.items():
        one = by_style[STYLES[0]]
        rows.append(RuleRow(check, one.title, one.severity, by_style))
    replays = list_replays(session, limit=_LAST_REPLAYS).items
    return RulesPage(rows, replays, sum(rule.is_own for rule in rules))


def read_rule_page(session: Session, check_id: str, style: str) -> RulePage:
    """One check for one style. Raises NotFound."""
    rule = get_rule(session, check_id, style)
    check = find_check(check_id)
    if check is None:
        raise NotFound(say("There is no such rule."))
    finished = list_fermentations(session, status="completed", limit=_FERMENTS_LOOKED_AT).items
    vintages = {find_vintage(wine) for wine in finished}
    return RulePage(
        rule,
        say(check.about),
        say(check.clears),
        describe_limits(check_id, style),
        make_tag(rule),
        sorted(vintages, reverse=True),
    )


def read_replay_page(session: Session, replay_id: int) -> ReplayPage:
    """A replay. Raises NotFound."""
    replay = get_replay(session, replay_id)
    titles = {rule.check: rule.title for rule in list_rules(session)}
    result = replay.result or {"now": [], "then": []}
    rule = None
    if len(replay.rules) == 1:
        rule = get_rule(session, replay.rules[0]["check"], replay.rules[0]["style"])
    tried = {one["check"] for one in replay.rules}
    alarms = [alarm for alarm in result["then"] if not tried or alarm["check"] in tried]
    return ReplayPage(
        replay,
        _count(result["now"], titles),
        _count(result["then"], titles),
        alarms,
        titles,
        rule,
        make_tag(rule) if rule else "",
    )


def _count(alarms: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> list[Tally]:
    tallies = []
    for check in sorted({alarm["check"] for alarm in alarms}, key=lambda c: titles.get(c, c)):
        of_it = [alarm for alarm in alarms if alarm["check"] == check]
        told = [alarm["false"] for alarm in of_it if alarm["false"] is not None]
        tallies.append(
            Tally(
                check,
                titles.get(check, check),
                len(of_it),
                len({alarm["fermentation_id"] for alarm in of_it}),
                sum(told) if told else None,
            )
        )
    return tallies
