"""Rows become readings: by whose header, in which unit, on which day. What could be two things is asked, never guessed."""

import contextlib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winery_appliance.core.units import SampleType, Unit
from winery_appliance.historical_data.columns import fingerprint, guess_use, name_columns
from winery_appliance.historical_data.files import Row
from winery_appliance.historical_data.matching import AmbiguousCode, Codes, fold_code
from winery_appliance.historical_data.moments import (
    AmbiguousDay,
    UnreadableMoment,
    read_day,
    read_moment,
)
from winery_appliance.historical_data.parsing import (
    Fault,
    ParsedRow,
    Reading,
    Value,
    make_parser,
    read_value,
)
from winery_appliance.historical_data.questions import Survey
from winery_appliance.historical_data.readers import find_readers
from winery_appliance.historical_data.recognition import Layout, recognise, walk
from winery_appliance.historical_data.replicates import merge_replicates
from winery_appliance.historical_data.wines import Wine, WineFacts, read_facts

HOW = Reading(None, "Europe/Madrid", datetime(2027, 1, 1, tzinfo=UTC), {})


def table(text: str, sign: str = ",") -> list[Row]:
    return [Row(n, line.split(sign)) for n, line in enumerate(text.strip().split("\n"), start=1)]


def lay_out(rows: Sequence[Row], **columns: str) -> Layout:
    layout = recognise(rows, columns)
    assert layout is not None
    return layout


def parse(rows: Sequence[Row], how: Reading = HOW) -> list[ParsedRow]:
    walked = merge_replicates(walk(rows, lay_out(rows), {}))
    return [make_parser(layout, how)(row) for layout, row in walked]


def told(row: ParsedRow) -> dict[str, tuple[str, str] | str]:
    """Of a row: each quantity as typed and with its unit, or why not."""
    return {
        str(r.kind): (r.value.typed, str(r.value.unit)) if r.value else r.fault.code if r.fault else ""
        for r in row.readings
    }  # fmt: skip


DMA = """\
No;Date;Time;Method;Sample ID;Measured Parameter 1;Value;Unit;Zero;Measured Parameter 2;Value;Unit;Temperature;Unit;State
1;03.10.2025;06:31:00;WaterCheck;;Density;0,9982;g/cm3;0;SG 20/20;1,0000;;20,0;C;OK
2;03.10.2025;06:40:12;Wine;TK4;Density;1,0710;g/cm3;0;SG 20/20;1,0731;;22,5;C;OK
MeasNo;Date;Time;Method;Sample ID;Measured Parameter 1;Value;Unit;Measured Parameter 2;Value;Unit;Temperature;Unit;State
3;03.10.2025;06:41:55;Wine;TK04;Brix;17,1;Bx;Density;1,0702;g/cm3;22,7;C;OK
4;03.10.2025;06:43:01;Wine;TK9;Density;-;g/cm3;SG 20/20;-;;22,0;C;Error
"""


def test_a_density_meters_log_with_a_header_that_repeats_and_changes() -> None:
    rows = table(DMA, ";")
    assert lay_out(rows).reader.id == "dma35_eu"
    water, first, second, failed = parse(rows)
    assert water.left_out == "This row is a water check."
    assert failed.left_out == "This row is a measurement that failed."
    assert (first.line, first.code, first.whose) == (3, "TK4", "code")
    assert first.moment == datetime(2025, 10, 3, 4, 40, 12, tzinfo=UTC)
    assert told(first) == {"sugar": ("1071.0", "kg_m3"), "temperature": ("22,5", "celsius")}
    assert first.readings[0].sample_temperature_c == 22.5
    assert told(second)["sugar"] == ("17,1", "brix")
    assert fold_code(first.code) == fold_code(second.code)


@pytest.mark.parametrize(
    ("text", "reader", "readings"),
    [
        (
            "Date,Time,Sample ID,Measured Parameter 1,Value,Measured Parameter 2,Value\n"
            "10/03/2025,06:40:12 AM,V7,Brix,17.1,Temperature,68.0",
            "dma35_us",
            {"sugar": ("17.1", "brix"), "temperature": ("68.0", "fahrenheit")},
        ),
        (
            "Timestamp,Timepoint,SG,Temp,Color,Beer,Comment\n10/03/2025 06:40:12 AM,1,1.071,68,BLUE,V7,",
            "tilt",
            {"sugar": ("1.071", "sg"), "temperature": ("68", "fahrenheit")},
        ),
        (
            "Wine,Date Received,pH,TA,VA,Free SO2\nV7,10/3/2025,3.41,N/A,-,<5",
            "ets",
            {"ph": ("3.41", "ph"), "free_so2": ("<5", "mg_l")},
        ),
        (
            "ID,Date,Brix,Temp (F),pH\nV7,10/03/25 06:40,-1.1,68,",
            "innovint",
            {"sugar": ("-1.1", "brix"), "temperature": ("68", "fahrenheit")},
        ),
        (
            "Date,Analysis Type,Value,Unit,Performed On\n10/03/25,Free SO2,31,mg/L,V7",
            "innovint",
            {"free_so2": ("31", "mg_l")},
        ),
        (
            "fermentation_code,fermentation_start_date,fermentation_end_date,harvest_date,harvest_mass_kg,sample_date,"
            "density,temperature_celsius,vineyard_name,grape_variety\n"
            "V7,2025-10-01,2025-10-20,2025-09-30,5100,2025-10-03,1.071,24.5,Sur,Tempranillo",
            "history_rows",
            {"sugar": ("1071", "kg_m3"), "temperature": ("24.5", "celsius")},
        ),
        (
            "Lot code,Date,°Bx,Temp °C,Malic [g/L],Notes\nV7,2025-10-03,17.1 ,24.5,1.2,smells fine",
            "plain_sheet",
            {"sugar": ("17.1", "brix"), "temperature": ("24.5", "celsius"), "malic": ("1.2", "g_l")},
        ),
        (
            "wine,when,date,analyte,result,units\nV7,,2025-10-03,Total SO2,\"88\" ,mg/L".replace('"', ""),
            "plain_sheet",
            {"total_so2": ("88", "mg_l")},
        ),
    ],
)  # fmt: skip
def test_every_layout_is_known_by_its_header(
    text: str, reader: str, readings: dict[str, tuple[str, str]]
) -> None:
    rows = table("A title above the header\n\n" + text)
    assert lay_out(rows).reader.id == reader
    (row,) = parse(rows)
    assert (row.line, row.code, row.fault) == (4, "V7", None)
    assert told(row) == readings
    assert row.moment is not None
    assert row.moment.date() == date(2025, 10, 3)


def test_readers_are_found_by_their_folder_and_plain_sheets_come_last() -> None:
    readers = find_readers()
    assert readers[-1].id == "plain_sheet"
    assert {"own_export", "dma35_eu", "dma35_us", "history_rows"} <= {r.id for r in readers}


SHEET = {
    "Wine": ["R-1", "R-1", "R-02"],
    "Date": ["2025-10-03", "2025-10-04", "03.10.2025"],
    "Brix": ["21,4", "", "19.8"],
    "Temperature (F)": ["70", "68", "x"],
    "pH": ["3.5", "<3.4", ""],
    "Variety": ["Syrah", "Syrah", "Garnacha"],
    "": ["left alone", "", ""],
    "Remark": ["", "warm", ""],
}


@settings(max_examples=60)
@given(st.permutations(list(SHEET)))
def test_any_order_of_the_columns_imports_the_same(order: list[str]) -> None:
    def read(titles: list[str]) -> tuple[str, list[object]]:
        rows = [Row(1, titles)]
        rows += [Row(n + 2, [SHEET[title][n] for title in titles]) for n in range(3)]
        return lay_out(rows).fingerprint.replace("", ""), [
            (row.line, row.code, row.facts, row.moment, sorted(told(row).items()), row.fault)
            for row in parse(rows)
        ]

    usual, mixed = read(list(SHEET)), read(order)
    assert usual[1] == mixed[1]
    assert usual[1][0]


def test_columns_without_a_name_or_with_the_same_one_stay_apart() -> None:
    names = name_columns(["Date", "", "Value", "value ", "VALUE"])
    assert names == ["date", "column 2", "value", "value#2", "value#3"]
    assert fingerprint(names) == fingerprint(list(reversed(names)))


def test_a_column_that_a_person_explains_is_understood() -> None:
    rows = table("Cuba,Fecha,Baumé leído\nT-4,2025-10-03,11.2")
    assert recognise(rows, {}) is None
    layout = lay_out(rows, cuba="vessel", baumeleido="sugar/baume")
    row = make_parser(layout, HOW)(rows[1])
    assert (row.code, row.whose, told(row)) == ("T-4", "vessel", {"sugar": ("11.2", "baume")})


@pytest.mark.parametrize(
    ("header", "use"),
    [
        ("Density (g/cm3)", "sugar/g_cm3"),
        ("density_kg_m3", "sugar/kg_m3"),
        ("Density g/L", "sugar/kg_m3"),
        ("Sugar", "sugar/?"),
        ("Temp", "temperature/?"),
        ("Temp (°F)", "temperature/fahrenheit"),
        ("temperature_celsius", "temperature/celsius"),
        ("YAN [mg N/L]", "yan/mg_l"),
        ("pH", "ph/ph"),
        ("Remarks", "ignore"),
    ],
)
def test_headers_name_the_quantity_and_the_unit(header: str, use: str) -> None:
    assert guess_use(header) == use


@pytest.mark.parametrize(
    ("kind", "unit", "text", "expected"),
    [
        ("free_so2", "mg_l", "<5", ("<5", "mg_l", "<", 5.0)),
        ("sugar", "brix", "1.085 SG", ("1.085", "sg", None, 1083.0547035)),
        ("temperature", "?", "68 °F", ("68", "fahrenheit", None, 20.0)),
        ("sugar", "by_size", "0,9941", ("994.1", "kg_m3", None, 994.1)),
        ("sugar", "by_size", "1096", ("1096", "kg_m3", None, 1096.0)),
        ("sugar", "brix", "−1.2", ("−1.2", "brix", None, 993.615872753646)),
        ("temperature", "?", "20", "unknown_unit"),
        ("sugar", "brix", "12 bar", "unknown_unit"),
        ("sugar", "brix", "1,085.5", "unreadable_number"),
        ("sugar", "brix", "x", "unreadable_number"),
        ("sugar", "brix", "=A1+2", "formula"),
        ("sugar", "sg", "-1.085", "out_of_range"),
        ("sugar", "by_size", "20.4", "out_of_range"),
        ("ph", "ph", "34", "out_of_range"),
    ],
)
def test_a_number_is_read_with_its_unit_or_refused(
    kind: str, unit: str, text: str, expected: tuple[str, str, str | None, float] | str
) -> None:
    read = read_value(SampleType(kind), unit, text)
    if isinstance(expected, str):
        assert isinstance(read, Fault)
        assert read.code == expected
    else:
        assert isinstance(read, Value)
        assert (read.typed, read.unit, read.qualifier) == expected[:3]
        assert read.value == pytest.approx(expected[3], abs=1e-6)


@settings(max_examples=300)
@given(st.sampled_from(list(SampleType)), st.sampled_from([*Unit, "?", "by_size"]), st.text(max_size=25))  # fmt: skip
def test_any_cell_is_a_value_or_a_fault(kind: SampleType, unit: str, text: str) -> None:
    assert isinstance(read_value(kind, unit, text.strip()), Value | Fault)


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("2025-10-03", None, date(2025, 10, 3)),
        ("2010/11/02", None, date(2010, 11, 2)),
        ("03.10.2025", None, date(2025, 10, 3)),
        ("25/10/2025", None, date(2025, 10, 25)),
        ("10/25/2025", "dmy", date(2025, 10, 25)),
        ("5/5/25", None, date(2025, 5, 5)),
        ("2/11/2005", "dmy", date(2005, 11, 2)),
        ("2/11/2005", "mdy", date(2005, 2, 11)),
        ("3 Oct 2025", None, date(2025, 10, 3)),
        ("Oct 3, 2025", None, date(2025, 10, 3)),
    ],
)
def test_days_in_every_order(text: str, order: str | None, day: date) -> None:
    assert read_day(text, order) == day


def test_a_day_that_could_be_two_is_not_guessed() -> None:
    with pytest.raises(AmbiguousDay):
        read_day("2/11/2005", None)
    for nonsense in ("31/31/2025", "0/0/0000", "2025-13-01", "yesterday", "", "30.2.2025"):
        with pytest.raises(UnreadableMoment):
            read_day(nonsense, "dmy")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-10-03 13:33 PM", datetime(2025, 10, 3, 11, 33, tzinfo=UTC)),
        ("2025-10-03 12:05 AM", datetime(2025, 10, 2, 22, 5, tzinfo=UTC)),
        ("2025-10-03T06:30:00Z", datetime(2025, 10, 3, 6, 30, tzinfo=UTC)),
        ("2025-10-03T06:30:00.25-02:00", datetime(2025, 10, 3, 8, 30, 0, 250000, tzinfo=UTC)),
        ("2025-10-03", datetime(2025, 10, 3, 10, tzinfo=UTC)),
        ("3 Oct 2025 07:00", datetime(2025, 10, 3, 5, tzinfo=UTC)),
    ],
)
def test_times_are_the_winerys_unless_they_say_otherwise(text: str, moment: datetime) -> None:
    assert read_moment(text, None, "Europe/Madrid") == moment


@settings(max_examples=300)
@given(st.text(alphabet="0123456789:/.-+ TZapmPMJun", max_size=24))
def test_any_text_is_a_moment_or_a_sentence(text: str) -> None:
    with contextlib.suppress(UnreadableMoment):
        assert read_moment(text, "dmy", "Europe/Madrid").tzinfo is UTC


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2098, 1, 1)),  # noqa: DTZ001 - hypothesis wants them so
    st.sampled_from([" ", "T"]),
    st.sampled_from(["minutes", "seconds"]),
    st.sampled_from(["Europe/Madrid", "America/Santiago", "UTC"]),
)
def test_the_short_way_to_a_moment_leads_where_the_long_one_does(
    local: datetime, between: str, to: str, zone: str
) -> None:
    """Blanks around it are enough to send a text the long way."""
    text = local.isoformat(between, timespec=to)
    assert read_moment(text, None, zone) == read_moment(f"  {text} ", None, zone)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sets(st.integers(0, 2), min_size=1))),
    st.sampled_from(["as they come", "forwards", "backwards"]),
)
def test_a_wine_whose_readings_may_be_there_twice_says_so(
    rows: list[tuple[int, set[int]]], order: str
) -> None:
    if order != "as they come":
        rows.sort(key=lambda row: row[0], reverse=order == "backwards")
    wine = Wine(1, "a", 2)
    for hour, kinds in rows:
        wine.note(datetime(2025, 10, 3, hour, tzinfo=UTC), sum(1 << kind for kind in kinds))
    every = [(hour, kind) for hour, kinds in rows for kind in kinds]
    repeats = len(set(every)) < len(every)
    assert wine.may_repeat or not repeats
    if order != "as they come":
        assert wine.may_repeat == repeats, "a file in order is never doubted without reason"
    hours = [hour for hour, _ in rows]
    assert (wine.first and wine.first.hour, wine.last and wine.last.hour) == (
        (min(hours), max(hours)) if rows else (None, None)
    )


def ask(text: str) -> dict[str, str]:
    rows = table(text)
    layout, survey = lay_out(rows), Survey()
    for under, row in walk(rows, layout, {}):
        survey.add(under, row)
    asked = survey.ask(layout, date_order=None, units={}, styles={}, wine=None)
    return {question.key: question.text for question in asked}


def test_what_nothing_in_the_file_decides_is_asked_once() -> None:
    asked = ask(
        "wine,date,sugar,temp,variety\na,3/4/2025,20,68,Syrah\nb,5/4/2025,19,67,syrah\nc,6/4/2025,18,66,"
    )
    assert set(asked) == {
        "date_order",
        "units.sugar",
        "units.temperature",
        "styles.syrah",
        "styles.",
    }
    assert "3/4/2025 in line 2" in asked["date_order"]


def test_a_file_whose_days_agree_is_not_asked_about_them_and_one_that_mixes_is() -> None:
    head = "wine,date,brix,style\n"
    assert ask(head + "a,3/4/2025,20,red\na,25/4/2025,19,red") == {}
    assert set(ask(head + "a,3/4/2025,20,red\na,25/4/2025,19,red\na,4/26/2025,18,red")) == {
        "date_order"
    }


def test_codes_that_people_take_for_one_find_the_same() -> None:
    codes = Codes.gather({"CF02": 1, "CF11": 2, "F24-1": 3, "F2-41": 4, "A-1": 5, "A1": 6})
    assert [codes.find(code) for code in ("CF2", "cf-02", "CF 002", "cf11")] == [1, 1, 1, 2]
    assert (codes.find("F24-001"), codes.find("F2-41"), codes.find("ZZ")) == (3, 4, None)
    assert codes.find("a1") == 6
    with pytest.raises(AmbiguousCode, match=r"A-1 or A1"):
        codes.find("A01")


@given(st.text(max_size=20))
def test_a_code_finds_itself(code: str) -> None:
    assert Codes.gather({code: 7}).find(code) == 7


def test_rows_that_disagree_about_their_wine_are_told_with_both_lines() -> None:
    rows = table(
        "wine,start,date,brix,style,kg\na,2025-10-01,2025-10-02,20,tinto,5000\na,,2025-10-03,19,,\n"
        "a,2025-10-02,2025-10-04,18,tinto,"
    )
    wine = Wine(1, "a", 2)
    for row in parse(rows):
        wine.add(row.facts, row.line)
    facts = read_facts(wine, HOW, {})
    assert isinstance(facts, WineFacts)
    assert (facts.style, facts.kg, facts.yeast) == ("red", 5000, "unknown")
    assert facts.started_at == datetime(2025, 9, 30, 22, tzinfo=UTC)
    assert wine.fault is not None
    assert wine.fault.detail == "Start: line 4 says 2025-10-02, line 2 says 2025-10-01."


def test_the_mean_and_the_blanks_among_the_samples_are_left_out() -> None:
    rows = table("Sample,Date,pH\nT1,3.10.2025,3.4\nMean,3.10.2025,3.4\nSd,3.10.2025,0.01\nBlank,3.10.2025,7")  # fmt: skip
    assert [row.left_out is not None for row in parse(rows)] == [False, True, True, True]


def test_a_decimal_comma_that_made_a_new_cell_is_refused() -> None:
    (row,) = parse(table("wine,date,brix\na,2025-10-03,21,4"))
    assert row.fault is not None
    assert row.fault.code == "too_many_cells"


WINESCAN = """\
Sample Id,Rep,,Ash,Ethanol,ReducingSugar,VolatileAcid,pH
TK4,1,,0.99,12.10,3.1,0.31,3.40
TK4,2,,0.99,12.20,3.1,0.34,3.42
Calibration,1,,0.99,12.0,0,0.3,3.4
Sample Id,,Rep,Ethanol,MalicAcid,VolatileAcid,Glucose
TK5,,1,11.0,1.2,0.20,1
TK5,,2,11.4,1.4,<0.2,1
Mean,,,11.2,1.3,0.20,1
Sd,,,0.28,0.14,0.0,0
TK6,,1,10.9,1.1,0.4,1
"""


def test_a_winescans_replicates_are_one_reading_and_its_day_is_asked() -> None:
    rows = table(WINESCAN)
    layout = lay_out(rows)
    survey = Survey()
    for under, row in walk(rows, layout, {}):
        survey.add(under, row)
    asked = survey.ask(layout, date_order=None, units={}, styles={}, wine=None, moment=None)
    assert [question.key for question in asked] == ["moment"]
    how = Reading("dmy", "Europe/Madrid", HOW.now, {}, moment="3.10.2025 07:30")
    parsed = parse(rows, how)
    counted = {row.line: told(row) for row in parsed if row.left_out is None}
    assert layout.reader.id == "winescan"
    assert counted == {
        2: {"alcohol": ("12.15", "pct_vol"), "va": ("0.32", "g_l"), "ph": ("3.41", "ph")},
        8: {"alcohol": ("11.2", "pct_vol"), "malic": ("1.3", "g_l"), "va": ("0.20", "g_l")},
        10: {"alcohol": ("10.9", "pct_vol"), "malic": ("1.1", "g_l"), "va": ("0.4", "g_l")},
    }
    assert {row.line: row.code for row in parsed if row.left_out is None} == {2: "TK4", 8: "TK5", 10: "TK6"}  # fmt: skip
    assert all(row.moment == datetime(2025, 10, 3, 5, 30, tzinfo=UTC) for row in parsed if row.readings)  # fmt: skip
    reasons = {row.line: row.left_out for row in parsed if row.left_out}
    assert reasons[3] == "This row is a replicate; the mean in line 2 counts."
    assert reasons[6] == reasons[7] == "This row is a replicate; the mean in line 8 counts."
    assert reasons[4] == "This row is a calibration."


@given(st.lists(st.decimals(0, 1, places=3), min_size=1, max_size=6), st.booleans())
def test_replicates_give_one_reading_between_them(values: list[Decimal], stands_there: bool) -> None:  # fmt: skip
    lines = [f"TK4,2025-10-13,{n},{value}" for n, value in enumerate(values, start=1)]
    if stands_there:
        lines.append(f"Mean,,,{sum(values) / len(values):.3f}")
    parsed = parse(
        table("Sample,Date,Replicate,VA\n" + "\n".join([*lines, "TK5,2025-10-13,1,0.5"]))
    )
    first, other = (row for row in parsed if row.left_out is None)
    assert (first.code, other.code, len(parsed)) == ("TK4", "TK5", len(lines) + 1)
    assert isinstance(first.readings[0].value, Value)
    assert float(min(values)) - 0.001 <= first.readings[0].value.value <= float(max(values)) + 0.001


def test_a_log_of_one_spindle_is_no_set_of_replicates_and_its_unit_is_asked() -> None:
    rows = table(
        "Timestamp,Name,ID,Angle,Temperature,Battery,Gravity,Interval,RSSI\n"
        "2025-10-03 07:00:00,TK4,912,62.1,19.4,3.9,14.2,900,-71\n2025-10-03 07:15:00,TK4,912,62,19.5,3.9,14.1,900,-70"
    )
    layout = lay_out(rows)
    assert layout.reader.id == "ispindel"
    parsed = parse(rows, Reading(None, "UTC", HOW.now, {"sugar": "brix", "temperature": "celsius"}))
    assert [told(row)["sugar"] for row in parsed] == [("14.2", "brix"), ("14.1", "brix")]
    assert [row.code for row in parsed] == ["TK4", "TK4"]


def test_analyses_of_vintrace_in_either_form_are_of_the_batch() -> None:
    wide = table("Vessel,Wine Batch,Analysis Date,pH,TA (g/L)\nT12,24CS01,2025-10-13,3.41,6.2")
    long = table("Batch,Vessel,Date,Metric,Value,Unit\n24CS01,T12,2025-10-13,Free SO2,28,mg/L")
    assert [lay_out(rows).reader.id for rows in (wide, long)] == ["vintrace", "vintrace"]
    assert told(parse(wide)[0]) == {"ph": ("3.41", "ph"), "ta": ("6.2", "g_l")}
    assert told(parse(long)[0]) == {"free_so2": ("28", "mg_l")}
    assert parse(wide)[0].code == parse(long)[0].code == "24CS01"
