"""An anomaly has a life: what the analysis says and what people make of it stand side by side."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Cast, Winery
from tests.integration.analysis_engine.test_analysis import FALLING, FLAT, record
from tests.integration.conftest import Api, Tank
from winery_appliance.analysis_engine import anomalies
from winery_appliance.analysis_engine.anomaly_commands import (
    AcknowledgeAnomaly,
    ReopenAnomaly,
    SnoozeAnomaly,
)
from winery_appliance.analysis_engine.anomaly_queries import (
    AnomalyView,
    list_anomalies,
    list_anomaly_history,
)
from winery_appliance.analysis_engine.assessment import Assessment
from winery_appliance.analysis_engine.measurements import Finding, Threshold
from winery_appliance.analysis_engine.service import FinishedAssessment, keep_assessment
from winery_appliance.core import clock
from winery_appliance.core.errors import Conflict


def find(api: Api, kind: str = "stuck", query: str = "") -> dict[str, Any]:
    """The one anomaly of a kind."""
    (found,) = api.get(f"/anomalies?type={kind}{query}").json["items"]
    return found  # type: ignore[no-any-return]


def act(api: Api, anomaly_id: int, what: str, **body: Any) -> Any:
    """Do something with an anomaly as it is now."""
    tag = api.get(f"/anomalies/{anomaly_id}").headers["ETag"]
    return api.post(f"/anomalies/{anomaly_id}/{what}", body, **{"If-Match": tag})


def life(api: Api, anomaly_id: int) -> list[str]:
    """What became of an anomaly."""
    return [event["what"] for event in api.get(f"/anomalies/{anomaly_id}/history").json["items"]]


@pytest.fixture
def stuck(tank: Tank, work_off: Callable[[], int]) -> dict[str, Any]:
    """The anomaly of a tank that stands still."""
    record(tank, FALLING + FLAT)
    work_off()
    return find(tank.api)


def test_one_trouble_from_its_opening_to_its_end(
    tank: Tank,
    stuck: dict[str, Any],
    work_off: Callable[[], int],
    cast: Cast,
    sign_in_api: Callable[[str], Api],
) -> None:
    assert (stuck["status"], stuck["severity"], stuck["confirmations"]) == ("open", "critical", 0)
    bruno, marco = sign_in_api("bruno"), sign_in_api("marco")
    had = act(bruno, stuck["id"], "acknowledge", note="I am at the tank.")
    assert (had.status_code, had.json["status"]) == (200, "acknowledged")
    assert had.json["acknowledged_by_name"] == "Bruno"
    again = act(bruno, stuck["id"], "acknowledge")
    assert again.json == had.json, "who has it, has it"
    refused = act(marco, stuck["id"], "acknowledge")
    assert (refused.status_code, refused.json["code"]) == (409, "anomaly_acknowledged")

    record(tank, [(164, 8.1)])
    work_off()
    confirmed = find(marco)
    assert confirmed["id"] == stuck["id"]
    assert confirmed["acknowledged_by"] == cast.bruno.user_id, "the analysis takes it from nobody"
    assert confirmed["confirmations"] == 1
    assert set(confirmed["evidence"]) - set(stuck["evidence"])

    given = act(marco, stuck["id"], "assign", assigned_to=cast.vera.user_id)
    assert (given.json["status"], given.json["assigned_to_name"]) == ("open", "Vera")
    assert find(sign_in_api("vera"), query="&mine=true")["id"] == stuck["id"]
    stranger = act(marco, stuck["id"], "assign", assigned_to=cast.carla.user_id)
    assert (stranger.status_code, stranger.json["fields"][0]["path"]) == (422, "assigned_to")

    low = record(tank, [(188, 6.9), (212, 5.2)])[-1]
    work_off()
    cleared = find(marco, query="&status=cleared")
    assert cleared["cleared_because"].startswith("The readings say it is over")
    refused = act(marco, stuck["id"], "acknowledge")
    assert (refused.status_code, refused.json["code"]) == (409, "anomaly_cleared")

    reopened = act(marco, stuck["id"], "reopen", note="The meter was dirty.")
    assert (reopened.json["status"], reopened.json["cleared_at"]) == ("open", None)
    tank.api.post(f"/samples/{low}/void", {"client_uuid": UUID, "reason": "dirty"})
    work_off()
    assert find(marco)["status"] == "open", "no reading was taken since"
    history = marco.get(f"/anomalies/{stuck['id']}/history").json["items"]
    assert [(event["what"], event["user_name"]) for event in history] == [
        ("opened", None),
        ("acknowledged", "Bruno"),
        ("confirmed", None),
        ("assigned", "Marco"),
        ("cleared", None),
        ("reopened", "Marco"),
    ]
    tank.api.post(f"/fermentations/{tank.id}/cancel", {})
    work_off()
    assert find(marco, query="&status=cleared")["cleared_because"] == (
        "The fermentation was cancelled."
    )


UUID = "5f0d5a1e-0000-4000-8000-000000000001"


def test_nobody_acts_on_what_they_have_not_seen(
    tank: Tank, stuck: dict[str, Any], sign_in_api: Callable[[str], Api]
) -> None:
    path = f"/anomalies/{stuck['id']}/acknowledge"
    old = tank.api.get(f"/anomalies/{stuck['id']}").headers["ETag"]
    assert tank.api.post(path, {}).status_code == 428
    assert act(tank.api, stuck["id"], "assign", assigned_to=None).status_code == 200
    until = (clock.now() + timedelta(hours=4)).isoformat()
    assert act(tank.api, stuck["id"], "snooze", until=until).json["status"] == "snoozed"
    assert tank.api.post(path, {}, **{"If-Match": old}).status_code == 412
    for moment in (clock.now() - timedelta(minutes=1), clock.now() + timedelta(days=31)):
        refused = act(tank.api, stuck["id"], "snooze", until=moment.isoformat())
        assert (refused.status_code, refused.json["code"]) == (422, "out_of_range")
    carla = sign_in_api("carla")
    assert carla.get(f"/anomalies/{stuck['id']}").status_code == 404
    assert carla.get(f"/anomalies/{stuck['id']}/history").status_code == 404
    assert carla.get("/anomalies").json["items"] == []
    assert carla.post(path, {}, **{"If-Match": "*"}).status_code == 404


def test_a_corrected_reading_takes_the_alarm_away_and_brings_it_back(
    tank: Tank, stuck: dict[str, Any], work_off: Callable[[], int]
) -> None:
    late = tank.record("5.0", hours=151, confirm=True)
    assert late.status_code == 201
    low = record(tank, [(170, 3.0)])[0]
    work_off()
    assert find(tank.api, query="&status=cleared")["id"] == stuck["id"]
    for number, sample in enumerate((late.json["id"], low)):
        body = {"client_uuid": f"{UUID[:-1]}{number}", "reason": "another tank"}
        assert tank.api.post(f"/samples/{sample}/void", body).status_code == 201
    work_off()
    assert find(tank.api)["id"] == stuck["id"], "the same trouble, not another one"
    assert life(tank.api, stuck["id"]) == ["opened", "cleared", "reopened"]


def test_pages_of_anomalies_hold_each_once(
    tank: Tank, book: Winery, cast: Cast, work_off: Callable[[], int]
) -> None:
    judge = Judge(book, cast, tank)
    judge.say({f"check_{n}": ("warning", (n,)) for n in range(5)})
    seen, cursor = [], ""
    while True:
        page = tank.api.get(f"/anomalies?limit=2{cursor}").json
        seen += [item["type"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert sorted(seen) == [f"check_{n}" for n in range(5)]
    assert len(tank.api.get("/anomalies?severity=critical").json["items"]) == 0


Severity = Literal["info", "warning", "critical"]


@dataclass
class Judge:
    """Stands in for the engine: says what it is told, kept as the worker keeps it."""

    book: Winery
    cast: Cast
    tank: Tank
    since: datetime = clock.now() - timedelta(days=3)

    def say(self, found: dict[str, tuple[Severity, tuple[int, ...]]]) -> None:
        """Keep an assessment with these findings."""
        findings = tuple(
            Finding(
                check=check,
                severity=severity,
                since=self.since,
                title="Made up",
                explanation="It was told to say so.",
                evidence=evidence,
                threshold=Threshold("never", 0.0, "°Bx"),
                clears_when="it is told otherwise",
                deviation_score=1.0,
            )
            for check, (severity, evidence) in found.items()
        )
        with self.book.worker.transaction(self.cast.ana.winery_id) as session:
            keep_assessment(
                session,
                FinishedAssessment(
                    winery_id=self.cast.ana.winery_id,
                    fermentation_id=self.tank.id,
                    samples=dict.fromkeys(range(100), self.since),
                    assessment=Assessment(findings=findings, advice=(), used=0, left_out=()),
                    started_at=self.tank.started_at,
                ),
            )

    def read(self, check: str) -> list[AnomalyView]:
        """All anomalies of a kind, open and cleared."""
        with self.book.app.transaction(self.cast.ana.winery_id) as session:
            return [
                view
                for status in (None, "cleared")
                for view in list_anomalies(
                    session,
                    now=clock.now(),
                    status=status,  # type: ignore[arg-type]
                    kind=check,
                ).items
            ]

    def act(self, anomaly_id: int, what: str) -> None:
        """What a person does; a refusal is an answer, too."""
        commands = {
            "acknowledge": AcknowledgeAnomaly(),
            "snooze": SnoozeAnomaly(until=clock.now() + timedelta(days=1)),
            "reopen": ReopenAnomaly(),
        }
        use_case = getattr(anomalies, f"{what}_anomaly")
        try:
            with self.book.app.transaction(self.cast.ana.winery_id) as session:
                use_case(
                    session,
                    anomaly_id,
                    commands[what],
                    actor=self.cast.ana,
                    seen=None,
                    now=clock.now(),
                )
        except Conflict as refused:
            assert refused.code == "anomaly_cleared"  # noqa: PT017


STEPS = st.lists(
    st.sampled_from(["info", "warning", "critical", "silent", "acknowledge", "snooze", "reopen"]),
    min_size=1,
    max_size=8,
)
NUMBERS = count()


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happens_there_is_one_and_its_history_explains_it(
    steps: list[str], book: Winery, cast: Cast, tank: Tank
) -> None:
    judge = Judge(book, cast, tank)
    check = f"check_{next(NUMBERS)}"
    evidence: tuple[int, ...] = ()
    for number, step in enumerate(steps):
        before = next(iter(judge.read(check)), None)
        if step in ("info", "warning", "critical"):
            evidence = (*evidence, number)
            judge.say({check: (step, evidence)})  # type: ignore[dict-item]
        elif step == "silent":
            judge.say({})
        elif before is not None:
            judge.act(before.id, step)
        after = judge.read(check)
        assert len(after) <= 1, "the trouble began once, so it is one"
        if before is None or not after:
            continue
        (anomaly,) = after
        if step in ("info", "warning", "critical", "silent"):
            assert anomaly.acknowledged_by == before.acknowledged_by
            if before.status == "snoozed" and anomaly.cleared_at is None:
                graver = ("info", "warning", "critical").index(anomaly.severity) > (
                    "info",
                    "warning",
                    "critical",
                ).index(before.severity)
                assert (anomaly.snoozed_until is None) == graver
        with book.app.transaction(cast.ana.winery_id) as session:
            history = list_anomaly_history(session, anomaly.id).items
        assert history[0].what == "opened"
        told = {"cleared": False, "opened": True, "reopened": True}
        ends = [told[event.what] for event in history if event.what in told]
        assert ends[-1] == (anomaly.cleared_at is None)
        assert history[-1].severity == anomaly.severity
