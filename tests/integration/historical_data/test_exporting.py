"""The book as one file: all of it is there, a spreadsheet runs nothing, and our own import makes an equal book of it."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import python_calamine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Cast, Winery
from tests.integration.cellar_work.test_notes import draw, send, write
from tests.integration.conftest import Api, Tank
from tests.integration.historical_data.test_importing import Importer
from winery_appliance.cellar_work.note_queries import read_photos
from winery_appliance.entrypoints.exported import EXPORTED
from winery_appliance.fermentation.queries import list_fermentations, read_samples
from winery_appliance.fruit_origin.queries import read_lots
from winery_appliance.historical_data.export_files import export_book
from winery_appliance.historical_data.readers.own_export import COLUMNS

SIGNS = st.text(alphabet="=+-@'aZ09 ,;\"é_.", min_size=1, max_size=12)
WORDS = SIGNS.map(str.strip).filter(lambda word: any(sign.isalnum() for sign in word))
START = datetime(2020, 9, 1, 6, tzinfo=UTC)
READINGS = st.one_of(
    st.tuples(st.just("sugar"), st.sampled_from(["24.0", "9,5", "-1.2"]), st.just("brix")),
    st.tuples(st.just("sugar"), st.sampled_from(["1.0850", "0.998"]), st.just("sg")),
    st.tuples(st.just("temperature"), st.sampled_from(["24", "8.5"]), st.just("celsius")),
    st.tuples(st.just("va"), st.sampled_from(["<0.1", "0.30"]), st.just("g_l")),
)
FRUIT = st.one_of(
    st.just((None, None, None, None)),
    st.tuples(st.sampled_from(["Ladera", "=Alto"]), st.sampled_from(["Bobal", "-Syrah"]),
              st.just("2020-08-30"), st.sampled_from(["6400", "900.5"])),
)  # fmt: skip
WINES = st.lists(
    st.tuples(WORDS, st.sampled_from(["red", "white", "rose", "orange"]), WORDS, FRUIT,
              st.sampled_from([None, "1200", "25.5"]), st.lists(READINGS, min_size=1, max_size=5)),
    min_size=1, max_size=4, unique_by=lambda wine: "".join(c for c in wine[0].casefold() if c.isalnum()).lstrip("0"),
)  # fmt: skip


@pytest.fixture
def pair(book: Winery, cast: Cast, tmp_path: Path) -> tuple[Importer, Importer]:
    """Ana's winery and Carla's, each with an owner who brings files in."""
    ana, carla = (Importer(book, cast, tmp_path / name) for name in ("ana", "carla"))
    carla.actor = cast.carla
    return ana, carla


def write_book(wines: list[Any]) -> bytes:
    """A book as our own export in JSON."""
    rows = []
    for code, style, yeast, (vineyard, variety, harvested, kg), volume, readings in wines:
        end = START + timedelta(days=20)
        facts = [code, style, yeast, START.isoformat(), end.isoformat(), volume]
        facts += [vineyard, variety, harvested, kg]
        for n, (kind, value, unit) in enumerate(readings):
            at = (START + timedelta(hours=7 * n + 1)).isoformat()
            qualifier = "<" if value.startswith("<") else None
            cells = [*facts, at, kind, value.lstrip("<"), unit, qualifier, None]
            cells = [f"'{c}" if c is not None and c.startswith("'") else c for c in cells]
            rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return json.dumps({"readings": rows}).encode()


def export(importer: Importer, kind: str) -> bytes:
    """What the winery's export holds."""
    with importer.book.app.transaction(importer.actor.winery_id, one_moment=True) as session:
        return b"".join(export_book(session, kind, EXPORTED, read_photos))


def tell_book(importer: Importer) -> dict[str, Any]:
    """Everything of a book that an import can carry."""
    with importer.book.app.transaction(importer.actor.winery_id) as session:
        told = {}
        for wine in list_fermentations(session, limit=1000).items:
            lots = read_lots(session, [source.harvest_lot_id for source in wine.lot_sources])
            fruit = [
                (lot.vineyard_code, lot.variety, lot.harvested_on, lot.kg_harvested)
                for lot in lots.values()
            ]
            readings = [
                (s.measured_at, s.sample_type, s.value, s.unit, s.qualifier, s.sample_temperature, s.canonical)
                for s in read_samples(session, wine.id)
            ]  # fmt: skip
            told[wine.code] = (
                wine.style, wine.yeast_strain, wine.started_at, wine.ended_at, wine.start_volume_l, fruit,
                sorted(readings, key=repr),
            )  # fmt: skip
        return told


@settings(
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(WINES, st.sampled_from(["csv", "json", "xlsx", "zip"]))
def test_our_own_import_makes_an_equal_book_of_it(
    pair: tuple[Importer, Importer], wines: list[Any], kind: str
) -> None:
    ana, carla = pair
    brought = ana.take_in(write_book(wines))
    if brought.counts.get("new") or brought.counts.get("wines_new"):
        ana.save(brought.id)
    data = export(ana, kind)
    if kind == "zip":
        data = zipfile.ZipFile(io.BytesIO(data)).read("readings.csv")
    view = carla.take_in(data)
    assert view.state == "ready", (view.failure, view.questions)
    if view.counts.get("new") or view.counts.get("wines_new"):
        assert carla.save(view.id).state == "saved"
    assert tell_book(carla) == tell_book(ana)


def test_everything_is_in_it_and_runs_nowhere(tank: Tank, importer_of_ana: Importer) -> None:
    first = tank.record("24.0", hours=1).json
    body = {"client_uuid": "00000000-0000-4000-8000-000000000001", "value": "23.5", "unit": "brix"}
    body |= {"reason": "=cmd|' /C calc'!A0"}
    assert tank.api.post(f"/samples/{first['id']}/correct", body).status_code == 201
    content = "@SUM(A1)\tsmells of roses"
    sent = send(tank.api, f"/fermentations/{tank.id}/notes", write(draw()), content=content)
    assert sent.status_code == 201, sent.text
    told = json.loads(export(importer_of_ana, "json"))
    assert list(told) == ["readings", *(table.name for table in EXPORTED)]
    assert [s["value"] for s in told["samples"]] == ["24.0", "23.5"]
    assert told["samples"][1]["supersedes_id"] == told["samples"][0]["id"]
    assert told["notes"][0]["content"] == content
    assert told["people"][0]["display_name"] == "Ana"
    packed = zipfile.ZipFile(io.BytesIO(export(importer_of_ana, "zip")))
    assert packed.testzip() is None
    assert packed.read(told["notes"][0]["photo"])[:2] == b"\xff\xd8"
    for name in packed.namelist():
        if name.endswith(".csv"):
            for row in csv.reader(io.StringIO(packed.read(name).decode())):
                for cell in row:
                    negative = cell[:1] == "-" and cell[1:].replace(".", "").isdigit()
                    assert negative or not cell.startswith(("=", "+", "-", "@", "\t")), (name, cell)
    workbook = export(importer_of_ana, "xlsx")
    sheets = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(workbook))
    assert sheets.sheet_names == ["readings", *(table.name for table in EXPORTED)]
    rows = sheets.get_sheet_by_name("samples").to_python()
    assert body["reason"] in rows[2]
    assert rows[1][rows[0].index("canonical_value")] == pytest.approx(1099, abs=1)
    with zipfile.ZipFile(io.BytesIO(workbook)) as parts:
        for name in parts.namelist():
            if name.startswith("xl/worksheets/sheet"):
                cells = ElementTree.fromstring(parts.read(name))
                tags = {element.tag.rpartition("}")[2] for element in cells.iter()}
                assert not tags & {"f", "hyperlink"}


@pytest.fixture
def importer_of_ana(book: Winery, cast: Cast, tmp_path: Path) -> Importer:
    return Importer(book, cast, tmp_path)


def test_who_runs_the_cellar_may_take_the_book_along(
    tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    assert tank.record("24.0").status_code == 201
    got = tank.api.get("/export?format=csv")
    assert got.status_code == 200
    assert got.headers["Content-Disposition"].endswith('.csv"')
    assert got.text.splitlines()[0] == ",".join(COLUMNS)
    assert "26-TEM-01" in got.text
    assert zipfile.ZipFile(io.BytesIO(tank.api.get("/export?format=zip").data)).testzip() is None
    assert tank.api.get("/export?format=pdf").status_code == 422
    assert sign_in_api("bruno").get("/export").status_code == 403
    assert "26-TEM-01" not in sign_in_api("carla").get("/export?format=json").text
