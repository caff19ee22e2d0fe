"""What the analysis engine does when something happened to a fermentation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.adviser_reading import read_adviser
from winery_appliance.analysis_engine.assessment import Assessment, assess
from winery_appliance.analysis_engine.events import WordsChanged
from winery_appliance.analysis_engine.forecasting.lessons import Lessons
from winery_appliance.analysis_engine.logged_work import read_logged_work
from winery_appliance.analysis_engine.measurements import Addition, Ferment, Probe, RuleSetting
from winery_appliance.analysis_engine.past import read_lessons, to_reading
from winery_appliance.analysis_engine.rule_queries import read_rules
from winery_appliance.analysis_engine.service import FinishedAssessment, keep_assessment
from winery_appliance.analysis_engine.tuning import tune_checks
from winery_appliance.analysis_engine.wine_figures import Adviser
from winery_appliance.cellar_work.events import CellarEvent
from winery_appliance.core import clock, outbox
from winery_appliance.core.outbox import Event, Reaction
from winery_appliance.core.words import N_, say, speaking
from winery_appliance.devices.hanging import list_hanging
from winery_appliance.fermentation.events import FermentationEvent
from winery_appliance.fermentation.queries import (
    FermentationView,
    SampleView,
    find_fermentation,
    list_fermentations,
    read_samples,
)

_MOST_RUNNING = 500
# What is over, or has no readings left, alarms nobody: open alarms are cleared.
_CALM = Assessment(findings=(), advice=(), used=0, left_out=())
_OVER = {
    "completed": N_("The fermentation was completed."),
    "cancelled": N_("The fermentation was cancelled."),
    "planned": N_("The fermentation has not begun."),
}


@dataclass(frozen=True)
class Work:
    """A fermentation with all its readings, and what was done to it, as of one moment."""

    winery_id: int
    ferment: FermentationView
    samples: tuple[SampleView, ...]
    additions: tuple[Addition, ...]
    adviser: Adviser
    lessons: Lessons
    rules: tuple[RuleSetting, ...]
    as_of: datetime
    probes: tuple[Probe, ...] = ()


def _load(session: Session, events: Sequence[Event]) -> Work | None:
    event = events[-1]
    assert isinstance(event, FermentationEvent | CellarEvent)
    ferment = find_fermentation(session, event.fermentation_id, also_deleted=True)
    if ferment is None:  # its winery was removed meanwhile
        return None
    samples = read_samples(session, ferment.id)
    done = read_logged_work(session, ferment.id)
    adviser = read_adviser(session, ferment)
    lessons = read_lessons(session, event.winery_id)
    now = clock.now()
    return Work(
        winery_id=event.winery_id,
        ferment=ferment,
        samples=tuple(samples),
        additions=done,
        adviser=adviser,
        lessons=lessons,
        rules=read_rules(session),
        as_of=now,
        probes=tuple(
            Probe(each.code, each.since, each.heard_at, each.usual_s)
            for each in list_hanging(session, [ferment.id], now=now)
        ),
    )


def _compute(work: Work | None) -> FinishedAssessment | None:
    if work is None:
        return None
    with speaking(work.adviser.language):  # what is written down for people is in their language
        return _judge(work)


def _judge(work: Work) -> FinishedAssessment:
    if _find_reason(work) is not None:
        return _finish(work, _CALM)
    ferment = Ferment(
        style=work.ferment.style,
        started_at=work.ferment.started_at,
        yeast_strain=work.ferment.yeast_strain,
    )
    readings = [to_reading(sample) for sample in work.samples]
    assessment = assess(
        ferment,
        readings,
        as_of=work.as_of,
        additions=work.additions,
        lessons=work.lessons,
        adviser=work.adviser,
        checks=tune_checks(work.rules, ferment.style),
        probes=work.probes,
    )
    return _finish(work, assessment)


def _finish(work: Work, assessment: Assessment) -> FinishedAssessment:
    return FinishedAssessment(
        winery_id=work.winery_id,
        fermentation_id=work.ferment.id,
        samples={sample.id: sample.measured_at for sample in work.samples},
        assessment=assessment,
        started_at=work.ferment.started_at,
        over=_find_reason(work),
    )


def _find_reason(work: Work) -> str | None:
    """Why nothing is judged any more."""
    if work.ferment.deleted_at is not None:
        return say("The fermentation was deleted.")
    if work.ferment.status in _OVER:
        return say(_OVER[work.ferment.status])
    return None if work.samples else say("No reading is left.")


def _store(session: Session, finished: FinishedAssessment | None) -> None:
    if finished is not None:
        keep_assessment(session, finished)


analyse_fermentation = Reaction("analyse_fermentation", _load, _compute, _store)


def _load_running(session: Session, events: Sequence[Event]) -> list[Event]:
    wines = list_fermentations(session, status="active", limit=_MOST_RUNNING).items
    return [WordsChanged(events[-1].winery_id, wine.id) for wine in wines]


def _pass_on(told: list[Event]) -> list[Event]:
    return told


tell_wines_anew = Reaction("tell_wines_anew", _load_running, _pass_on, outbox.publish_all)
