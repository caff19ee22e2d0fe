"""However one table is written, the same readings are found in it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winery_appliance.core.units import SampleType, Unit, to_canonical
from winery_appliance.historical_data.files import open_file
from winery_appliance.historical_data.parsing import Reading, make_parser
from winery_appliance.historical_data.recognition import recognise, walk


@settings(max_examples=25)
@given(
    order=st.permutations(["wine", "date", "brix", "temp", "style"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"]),
    signs=st.sampled_from([(",", "."), (";", ","), (";", "."), ("\t", ","), ("|", ".")]),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
    fahrenheit=st.booleans(),
    dates=st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%d %b %Y", "%Y/%m/%d"]),
)
def test_however_one_table_is_written_the_same_readings_are_found(
    tmp_path_factory: pytest.TempPathFactory,
    order: list[str],
    encoding: str,
    signs: tuple[str, str],
    ends: str,
    fahrenheit: bool,
    dates: str,
) -> None:
    delimiter, point = signs
    days = [datetime(2023, 9, day, tzinfo=UTC) for day in (14, 16, 18, 21)]
    celsius = [20.0, 25.0, 30.0, 24.0]
    heads = {"wine": "Depósito wine", "temp": "temp (°F)" if fahrenheit else "temp (°C)"}
    lines = [[heads.get(name, name) for name in order]]
    for day, brix, warmth in zip(days, (24.0, 20.0, 11.5, 2.5), celsius, strict=True):
        shown = warmth * 9 / 5 + 32 if fahrenheit else warmth
        cells = {
            "wine": "Viña-1",
            "date": day.strftime(dates),
            "brix": f"{brix:.1f}".replace(".", point),
            "temp": f"{shown:.1f}".replace(".", point),
            "style": "red",
        }
        lines.append([cells[name] for name in order])
    text = ends.join(delimiter.join(cells) for cells in lines) + ends
    path = tmp_path_factory.mktemp("table") / "table.csv"
    path.write_bytes(text.encode(encoding))
    file = open_file(path)
    layout = recognise(file.rows(), {"depositowine": "wine"})
    assert layout is not None
    parse = make_parser(layout, Reading(None, "UTC", datetime(2027, 1, 1, tzinfo=UTC), {}))
    parsed = [parse(row) for _, row in walk(file.rows(), layout, {"depositowine": "wine"})]
    assert [row.code for row in parsed] == ["Viña-1"] * 4
    assert [row.moment.date() for row in parsed if row.moment] == [day.date() for day in days]
    found = [{str(r.kind): r.value.value for r in row.readings if r.value} for row in parsed]
    expected = [to_canonical(SampleType.sugar, b, Unit.brix) for b in (24.0, 20.0, 11.5, 2.5)]
    assert [row["sugar"] for row in found] == pytest.approx(expected)
    assert [row["temperature"] for row in found] == pytest.approx(celsius)
