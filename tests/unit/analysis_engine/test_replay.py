"""The replay: the past as it was known then, from files alone."""

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from winery_appliance.entrypoints.cli import main

HEADER = "ferment_id,measured_at,recorded_at,t_h,brix,temp_c,ph,va_gl,malic_gl,yan_mgl,truth_tag"
META = "ferment_id,style,brix0,yan0_mgl,fault\nA,red,24.0,220,stuck\n"


def write_row(t_h: float, brix: object, celsius: object = "25.0", *, late_h: int = 0) -> str:
    day, hour = divmod(int(t_h), 24)
    entered = int(t_h) + late_h
    measured = f"2025-09-{1 + day:02d}T{hour:02d}:00"
    recorded = f"2025-09-{1 + entered // 24:02d}T{entered % 24:02d}:00"
    return f"A,{measured},{recorded},{t_h:.2f},{brix},{celsius},,,,,"


def arrested() -> list[str]:
    falls = [24.0, 23.9, 22.5, 20.0, 17.5, 15.0, 12.5, 10.1, 8.0]
    rows = [write_row(12 * n, value) for n, value in enumerate(falls)]
    return rows + [write_row(12 * n, 8.0 - 0.1 * (n % 2)) for n in range(9, 18)]


def run(
    folder: Path, rows: list[str], *, header: str = HEADER, meta: str = META, **more: Path
) -> dict[str, list[dict[str, str]]]:
    """Replay the rows and read back what was written."""
    (folder / "readings.csv").write_text("\n".join([header, *rows]) + "\n")
    (folder / "meta.csv").write_text(meta)
    out = folder / "out"
    arguments = ["analysis", "replay", str(folder / "readings.csv")]
    arguments += ["--ferments", str(folder / "meta.csv"), "--out", str(out)]
    for name, path in more.items():
        arguments += [f"--{name.replace('_', '-')}", str(path)]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    written = {}
    for path in sorted(out.glob("*.csv")):
        with path.open(newline="") as file:
            written[path.stem] = list(csv.DictReader(file))
    return written


def test_an_arrest_is_one_alarm_that_opens_when_it_was_known(tmp_path: Path) -> None:
    alarms = [a for a in run(tmp_path, arrested())["alarms"] if a["check"] == "stuck"]
    assert len(alarms) == 1
    assert 96 < float(alarms[0]["opened_at_h"]) <= 150
    assert alarms[0]["severity"] == "critical"
    assert alarms[0]["cleared_at_h"] == ""


def test_what_was_written_down_later_is_not_known_before(tmp_path: Path) -> None:
    prompt = run(tmp_path, arrested())["alarms"]
    rows = arrested()
    rows[-9:] = [row_late(n) for n in range(9, 18)]
    late = run(tmp_path, rows)
    assert min(float(a["opened_at_h"]) for a in late["alarms"] if a["check"] == "stuck") > max(
        float(a["opened_at_h"]) for a in prompt if a["check"] == "stuck"
    )
    assert {f["flag"] for f in late["flags"]} == {"late"}


def row_late(n: int) -> str:
    return write_row(12 * n, 8.0 - 0.1 * (n % 2), late_h=60)


def test_a_slip_is_flagged_with_what_was_meant(tmp_path: Path) -> None:
    rows = arrested()
    rows[4] = write_row(48, 175.0)
    flags = run(tmp_path, rows)["flags"]
    assert [(f["t_h"], f["quantity"], f["flag"], f["proposed_value"]) for f in flags] == [
        ("48", "brix", "typo", "17.5")
    ]


def test_a_unit_mixed_up_is_told_from_a_slip(tmp_path: Path) -> None:
    rows = arrested()
    rows[3] = write_row(36, 20.0, 77.0)
    (flag,) = run(tmp_path, rows)["flags"]
    assert (flag["quantity"], flag["flag"], flag["proposed_value"]) == ("temp_c", "unit", "25")


def test_a_row_entered_twice_is_flagged_once(tmp_path: Path) -> None:
    rows = arrested()
    rows.insert(4, rows[4])
    flags = run(tmp_path, rows)["flags"]
    assert {(f["t_h"], f["quantity"], f["flag"]) for f in flags} == {
        ("48", "brix", "duplicate"),
        ("48", "temp_c", "duplicate"),
    }


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    run(tmp_path, arrested())
    first = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    run(tmp_path, arrested())
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == first


def test_a_cell_that_is_no_number_is_named_by_its_line(tmp_path: Path) -> None:
    readings, ferments = tmp_path / "readings.csv", tmp_path / "ferments.csv"
    readings.write_text("ferment_id,t_h,brix,temp_c\na,0,24,\na,zz,23,20\na,24,2a,20\na,36,20,19\n")
    ferments.write_text("ferment_id,style\na,red\n")
    arguments = ["analysis", "replay", str(readings), "--ferments", str(ferments)]
    done = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0
    assert "readings.csv: lines with a cell that is no number" in done.stderr
    assert "2 (line 3, 4)" in done.stderr


def test_a_missing_column_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("ferment_id,brix\nA,20\n")
    (tmp_path / "m.csv").write_text(META)
    arguments = [
        "analysis",
        "replay",
        str(tmp_path / "r.csv"),
        "--ferments",
        str(tmp_path / "m.csv"),
    ]
    done = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "r.csv has no column t_h" in done.output
    assert "Nothing was written" in done.output


ODD = ["", "nan", "inf", "-1e308", "1e308", "2.138", "-40", "abc", "1,5", "0", "24", "220", "1.09"]


@settings(max_examples=40)
@given(
    cells=st.lists(
        st.tuples(
            st.sampled_from(["0", "1", "5", "5", "30", "300", "1e300", "x", "-5"]),
            st.sampled_from(ODD),
            st.sampled_from(ODD),
        ),
        max_size=12,
    )
)
def test_any_cell_is_endured(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    run(folder, [f'A,,,{t},"{brix}","{celsius}",,,,,' for t, brix, celsius in cells])
