"""What the three tables of a replay promise to whoever reads them."""

from pathlib import Path

import pytest

from tests.unit.analysis_engine.readings import HEALTHY_RED
from tests.unit.analysis_engine.test_replay import HEADER, META, arrested, run, write_row
from winery_appliance.analysis_engine.checks import find_checks

HEADERS = {
    "alarms": "ferment_id,check,severity,opened_at_h,cleared_at_h",
    "flags": "ferment_id,t_h,quantity,flag,proposed_value",
    "forecasts": (
        "ferment_id,asked_at_h,dry_h_p10,dry_h_p50,dry_h_p90,p_not_dry_in_time,"
        "brix_24h_p10,brix_24h_p50,brix_24h_p90"
    ),
}


def healthy() -> list[str]:
    return [write_row(12 * n, value) for n, value in enumerate(HEALTHY_RED)]


def read_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "out").iterdir()}


@pytest.mark.parametrize("rows", [[], healthy()[:1]])
def test_the_headers_stand_even_over_nothing(tmp_path: Path, rows: list[str]) -> None:
    run(tmp_path, rows)
    for name, header in HEADERS.items():
        assert (tmp_path / "out" / f"{name}.csv").read_text().splitlines()[0] == header
    assert len((tmp_path / "out" / "forecasts.csv").read_text().splitlines()) == 1


def test_alarms_speak_the_promised_words(tmp_path: Path) -> None:
    alarms = run(tmp_path, [*arrested(), write_row(260, 7.9)])["alarms"]
    assert alarms
    assert {a["check"] for a in alarms} <= {check.id for check in find_checks()}
    assert {a["severity"] for a in alarms} <= {"info", "warning", "critical"}
    for alarm in alarms:
        if alarm["cleared_at_h"]:
            assert float(alarm["cleared_at_h"]) > float(alarm["opened_at_h"])


def test_a_forecast_stands_at_every_reading_from_the_third_on(tmp_path: Path) -> None:
    rows = healthy()
    made = run(tmp_path, rows)["forecasts"]
    assert [float(f["asked_at_h"]) for f in made] == [12.0 * n for n in range(2, len(rows))]
    for one in made:
        assert float(one["dry_h_p10"]) <= float(one["dry_h_p50"]) <= float(one["dry_h_p90"])
        assert float(one["brix_24h_p10"]) <= float(one["brix_24h_p90"])
        assert 0 <= float(one["p_not_dry_in_time"]) <= 1


def test_once_dry_the_dry_hour_is_the_moment_found(tmp_path: Path) -> None:
    found_h = 12.0 * next(n for n, value in enumerate(HEALTHY_RED) if value <= -1.0)
    after = [f for f in run(tmp_path, healthy())["forecasts"] if float(f["asked_at_h"]) >= found_h]
    assert after
    for one in after:
        assert {float(one[f"dry_h_p{level}"]) for level in (10, 50, 90)} == {found_h}
        assert float(one["p_not_dry_in_time"]) == 0


def test_what_lies_past_the_horizon_is_inf(tmp_path: Path) -> None:
    made = run(tmp_path, arrested())["forecasts"]
    assert made[-1]["dry_h_p90"] == "inf"
    for one in made:
        for level in (10, 50, 90):
            hours = float(one[f"dry_h_p{level}"])
            assert hours <= 1080 or one[f"dry_h_p{level}"] == "inf"


def test_hours_are_those_of_the_column_whatever_the_clock_says(tmp_path: Path) -> None:
    run(tmp_path, arrested())
    first = read_bytes(tmp_path)
    run(tmp_path, [row.replace("2025-09-", "2031-01-") for row in arrested()])
    assert read_bytes(tmp_path) == first


def test_unknown_columns_and_the_order_of_columns_change_nothing(tmp_path: Path) -> None:
    run(tmp_path, arrested())
    first = read_bytes(tmp_path)
    turned = [",".join([*reversed(row.split(",")), "red, they say"]) for row in arrested()]
    turned = [row.replace("red, they say", '"red, they say"') for row in turned]
    header = ",".join([*reversed(HEADER.split(",")), "cellar_note"])
    (tmp_path / "turned").mkdir()
    meta = "note,yan0_mgl,ferment_id,brix0,style,truth\nx,220,A,24.0,red,stuck\n"
    run(tmp_path / "turned", turned, header=header, meta=meta)
    assert read_bytes(tmp_path / "turned") == first


def test_empty_cells_are_no_readings(tmp_path: Path) -> None:
    meta = "ferment_id,style,brix0,yan0_mgl\nA,red,,\nB,white,,\n"
    rows = [write_row(12 * n, value, "") for n, value in enumerate(HEALTHY_RED[:8])]
    rows += [write_row(12 * n, "", 24) for n in range(4)]
    written = run(tmp_path, rows, meta=meta)
    assert written["forecasts"]
    assert {f["ferment_id"] for f in written["forecasts"]} == {"A"}
    assert written["flags"] == []


def test_an_events_file_explains_a_rise_and_none_is_needed(tmp_path: Path) -> None:
    juice = [21.5, 21.4, 21.0, 20.2, 19.3, 18.4, 20.8, 20.1, 19.3]
    rows = [write_row(12 * n, value, 15) for n, value in enumerate(juice)]
    meta = META.replace("red,24.0", "white,21.5")
    without = run(tmp_path, rows, meta=meta)
    events = tmp_path / "events.csv"
    events.write_text("ferment_id,t_h,kind,amount,unit\nA,66,addition_sugar,26,g/L\nZ,1,cap,,\n")
    told = run(tmp_path, rows, meta=meta, events=events)
    assert "sugar_rise" in {a["check"] for a in without["alarms"]}
    assert "sugar_rise" not in {a["check"] for a in told["alarms"]}
    assert not [f for f in told["flags"] if f["flag"] in ("typo", "unit")]


def test_a_history_teaches_in_the_same_columns(tmp_path: Path) -> None:
    names = [f"H{n}" for n in range(6)]
    past = [row.replace("A,", f"{name},", 1) for name in names for row in healthy()]
    (tmp_path / "hr.csv").write_text("\n".join([HEADER, *past]) + "\n")
    facts = ["ferment_id,style,brix0,yan0_mgl", *(f"{name},red,24.0,220" for name in names)]
    (tmp_path / "hf.csv").write_text("\n".join(facts) + "\n")
    rows = healthy()[:6]
    cold = run(tmp_path, rows)["forecasts"][-1]
    taught = run(
        tmp_path, rows, history_readings=tmp_path / "hr.csv", history_ferments=tmp_path / "hf.csv"
    )["forecasts"][-1]
    dry_h = 12 * 16.9
    width = [float(f["dry_h_p90"]) - float(f["dry_h_p10"]) for f in (taught, cold)]
    assert width[0] < width[1]
    assert abs(float(taught["dry_h_p50"]) - dry_h) <= abs(float(cold["dry_h_p50"]) - dry_h)
