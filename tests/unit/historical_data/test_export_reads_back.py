"""What we export is data to a spreadsheet, and the same again to our own import."""

import csv
import io
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from winery_appliance.core.csv_text import rearm
from winery_appliance.core.units import UNITS, SampleType
from winery_appliance.historical_data.exporting import write_cell
from winery_appliance.historical_data.files import Row
from winery_appliance.historical_data.parsing import Reading, make_parser
from winery_appliance.historical_data.readers.own_export import COLUMNS
from winery_appliance.historical_data.recognition import recognise

HOW = Reading(None, "Europe/Madrid", datetime(2027, 1, 1, tzinfo=UTC), {})


def write_csv(out: io.StringIO, row: list[str | None]) -> None:
    """A row under the header of an export."""
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerow([write_cell(cell or "") for cell in row])


SIGNS = st.text(alphabet="=+-@'a1 ,;\"é\t", min_size=1, max_size=12)
CODES = st.text(alphabet="=+-@'aZ09 ,;\"é_.", min_size=1, max_size=20).map(str.strip).filter(bool)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis takes the zone apart


@settings(max_examples=300)
@given(SIGNS)
def test_a_cell_never_runs_and_comes_back(text: str) -> None:
    out = io.StringIO()
    write_csv(out, [text])
    cell = list(csv.reader(io.StringIO(out.getvalue())))[1][0]
    assert rearm(cell) == text
    is_number = cell.removeprefix("-").replace(".", "").replace(",", "").isdigit()
    assert is_number or not cell.lstrip().startswith(("=", "+", "-", "@"))


@settings(max_examples=150)
@given(CODES, CODES, MOMENTS, st.sampled_from(list(SampleType)), st.data())
def test_a_reading_comes_back_with_its_wine(
    code: str, yeast: str, moment: datetime, kind: SampleType, data: st.DataObject
) -> None:
    unit = data.draw(st.sampled_from(UNITS[kind]))
    value = data.draw(st.sampled_from(["3.4", "3,4", "12", "-1.2", "1.085", "1085", "+5"]))
    qualifier = data.draw(st.sampled_from([None, "<", ">"]))
    start = moment.isoformat()
    row = [code, "red", yeast, start, None, None, None, None, None, None]
    row += [moment.isoformat(), str(kind), value, str(unit), qualifier, None]
    out = io.StringIO()
    write_csv(out, row)
    header, cells = csv.reader(io.StringIO(out.getvalue()))
    assert header == list(COLUMNS)
    layout = recognise([Row(1, header)], {})
    assert layout is not None
    assert layout.reader.id == "own_export"
    parsed = make_parser(layout, HOW)(Row(2, cells))
    assert (parsed.code, parsed.facts[1], parsed.moment) == (code, yeast, moment)
    (reading,) = parsed.readings
    if reading.value is not None:
        assert (reading.kind, reading.value.unit) == (kind, unit)
        assert reading.value.typed.lstrip("<>") == value
        assert reading.value.qualifier == qualifier
    else:
        assert reading.fault is not None
        assert reading.fault.code == "out_of_range"
