"""AF and MLF go their own ways, and no way leads to moments that contradict each other."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.core.errors import AppError, Conflict, Invalid
from winery_appliance.fermentation.commands import PhaseStatus, SetPhase
from winery_appliance.fermentation.states import (
    NOT_STARTED,
    PHASE_MOVES,
    PHASES,
    Phase,
    PhaseBounds,
    PhaseName,
    end_phase,
    mix_phases,
    move_phase,
    resume_phase,
)

BEGAN = datetime(2026, 9, 14, 8, tzinfo=UTC)
NOW = BEGAN + timedelta(days=10)
RUNS = PhaseBounds("A", "active", BEGAN, None)
EXAMPLES: dict[PhaseStatus, Phase] = {
    "not_started": NOT_STARTED,
    "running": Phase("running", BEGAN),
    "done": Phase("done", BEGAN, BEGAN + timedelta(days=8)),
    "skipped": Phase("skipped"),
}
# Every way there is. What is not here is refused.
WAYS = {
    "af": "not_started>running not_started>done running>done running>not_started done>running",
    "mlf": "not_started>running not_started>done not_started>skipped running>done running>not_started"
    " done>running skipped>not_started skipped>running",
}


def day(number: float) -> datetime:
    return BEGAN + timedelta(days=number)


def is_sound(phase: Phase) -> bool:
    """What the database demands of it, too."""
    return (
        (phase.status in ("running", "done")) == (phase.started_at is not None)
        and (phase.status == "done") == (phase.ended_at is not None)
        and (
            phase.ended_at is None or phase.started_at is None or phase.ended_at >= phase.started_at
        )
    )


@pytest.mark.parametrize("name", PHASES)
def test_these_ways_lead_on_and_no_others(name: PhaseName) -> None:
    found = []
    for before in PHASE_MOVES[name]:
        for after in EXAMPLES:
            wanted = SetPhase(status=after, started_at=BEGAN if after == "done" else None)
            try:
                moved = move_phase(name, EXAMPLES[before], wanted, RUNS, now=NOW)
            except Conflict:
                continue
            assert moved.status == after
            if before != after:
                found.append(f"{before}>{after}")
    assert sorted(found) == sorted(WAYS[name].split())


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        (NOT_STARTED, SetPhase(status="running"), Phase("running", NOW)),
        (EXAMPLES["running"], SetPhase(status="done"), Phase("done", BEGAN, NOW)),
        (
            EXAMPLES["running"],
            SetPhase(status="running", started_at=day(2)),
            Phase("running", day(2)),
        ),
        (EXAMPLES["done"], SetPhase(status="done", ended_at=day(7)), Phase("done", BEGAN, day(7))),
        (EXAMPLES["done"], SetPhase(status="done"), EXAMPLES["done"]),
        (EXAMPLES["done"], SetPhase(status="running"), EXAMPLES["running"]),
        (EXAMPLES["running"], SetPhase(status="not_started"), NOT_STARTED),
    ],
)
def test_what_is_not_said_stays_or_is_now(before: Phase, wanted: SetPhase, after: Phase) -> None:
    assert move_phase("mlf", before, wanted, RUNS, now=NOW) == after


@pytest.mark.parametrize(
    ("wanted", "path", "code"),
    [
        (SetPhase(status="done"), "started_at", "needed"),
        (SetPhase(status="running", started_at=day(11)), "started_at", "in_future"),
        (SetPhase(status="running", started_at=day(-1)), "started_at", "before_start"),
        (SetPhase(status="running", ended_at=day(3)), "ended_at", "no_moment"),
        (SetPhase(status="skipped", started_at=day(3)), "started_at", "no_moment"),
        (SetPhase(status="done", started_at=day(3), ended_at=day(2)), "ended_at", "before_start"),
    ],
)
def test_moments_that_cannot_be_are_refused(wanted: SetPhase, path: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        move_phase("mlf", NOT_STARTED, wanted, RUNS, now=NOW)
    assert [(fault.path, fault.code) for fault in refused.value.fields] == [(path, code)]


def test_the_wine_bounds_its_phases() -> None:
    over = PhaseBounds("A", "completed", BEGAN, day(9))
    late = SetPhase(status="done", started_at=day(1), ended_at=day(9.5))
    with pytest.raises(Invalid, match="ended at"):
        move_phase("mlf", NOT_STARTED, late, over, now=NOW)
    noted = SetPhase(status="done", started_at=day(1), ended_at=day(8))
    assert move_phase("mlf", NOT_STARTED, noted, over, now=NOW).status == "done"
    older = SetPhase(status="running", started_at=day(-30))
    of_others = PhaseBounds("A", "active", None, None)
    assert move_phase("mlf", NOT_STARTED, older, of_others, now=NOW).started_at == day(-30)
    for status in ("planned", "completed", "cancelled"):
        wine = PhaseBounds("A", status, BEGAN, None if status == "planned" else day(9))
        with pytest.raises(Conflict):
            move_phase("mlf", NOT_STARTED, SetPhase(status="running"), wine, now=NOW)
    planned = PhaseBounds("A", "planned", BEGAN, None)
    skipped = move_phase("mlf", NOT_STARTED, SetPhase(status="skipped"), planned, now=NOW)
    assert skipped == Phase("skipped")


MOMENTS = st.one_of(st.none(), st.floats(-2, 12).map(day))
WANTED = st.builds(
    SetPhase, status=st.sampled_from(list(EXAMPLES)), started_at=MOMENTS, ended_at=MOMENTS
)


@given(st.sampled_from(PHASES), st.lists(WANTED, max_size=12), st.floats(0, 10))
def test_whatever_is_asked_in_whatever_order_a_phase_stays_sound(
    name: PhaseName, asked: list[SetPhase], end: float
) -> None:
    phase = NOT_STARTED
    for wanted in asked:
        try:
            phase = move_phase(name, phase, wanted, RUNS, now=NOW)
        except AppError:
            continue
        assert is_sound(phase)
        ended = end_phase(phase, day(end))
        assert is_sound(ended)
        assert ended.status != "running"
        if phase.status == "running" and ended.ended_at == day(end):
            assert resume_phase(ended, day(end)) == phase
        assert resume_phase(phase, NOW + timedelta(days=1)) == phase


@given(st.lists(st.sampled_from(list(EXAMPLES.values())), min_size=1))
def test_a_blend_has_the_phase_that_all_agree_on(phases: list[Phase]) -> None:
    mixed = mix_phases(phases)
    assert is_sound(mixed)
    if len({phase.status for phase in phases}) == 1:
        assert mixed == phases[0]
    elif any(phase.started_at for phase in phases):
        assert mixed.status == "running"
