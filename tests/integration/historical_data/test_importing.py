"""A file comes into the book whole wine by whole wine, once, and leaves it again as it came."""

import base64
import csv
import errno
import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import xlsxwriter
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api, Tank
from tests.integration.historical_data.importer import HEAD, Importer, wine
from winery_appliance.core.errors import Conflict
from winery_appliance.fermentation.queries import list_fermentations
from winery_appliance.historical_data import import_queries as queries
from winery_appliance.historical_data import import_service as service
from winery_appliance.historical_data.files import open_file
from winery_appliance.historical_data.import_job import find_path, run_import, run_pending_imports
from winery_appliance.historical_data.refused_rows import open_refused_rows


def test_past_wines_come_into_the_book_and_leave_it_again(importer: Importer) -> None:
    asked = importer.take_in(HEAD + wine("G23-1") + wine("G23-2", variety="Viura"))
    assert asked.state == "asking"
    assert [question["key"] for question in asked.questions] == ["styles.garnacha", "styles.viura"]
    importer.answer(asked.id, styles={"garnacha": "red", "viura": "white"})
    ready = importer.work(asked.id)
    assert (ready.state, ready.reader) == ("ready", "history_rows")
    assert ready.counts == {"rows": 10, "new": 20, "wines_new": 2}
    assert importer.wines() == {}, "nothing is written before Save"
    saved = importer.save(asked.id)
    assert (saved.state, saved.failure) == ("saved", None)
    with importer.book.app.transaction(importer.actor.winery_id) as session:
        first = next(w for w in list_fermentations(session).items if w.code == "G23-1")
        lines = session.execute(
            text(
                "SELECT DISTINCT import_id, import_line FROM samples WHERE fermentation_id = :id ORDER BY 2"
            ),
            {"id": first.id},
        ).all()
    assert (first.status, first.data_source, first.style) == ("completed", "imported", "red")
    assert [(s.variety, str(s.kg)) for s in first.lot_sources] == [("Garnacha", "6400.000")]
    assert lines == [(asked.id, line) for line in range(2, 7)], "each reading knows its line"
    assert {code: len(readings) for code, readings in importer.wines().items()} == {
        "G23-1": 10,
        "G23-2": 10,
    }
    undone = importer.undo(asked.id)
    assert undone.state == "undone"
    assert importer.wines() == {}
    again = importer.save(
        importer.take_in(HEAD + wine("G23-1") + wine("G23-2", variety="Viura")).id
    )
    assert again.state == "saved", (
        "the answers were remembered, and nothing of the first is in the way"
    )


def test_the_same_file_twice_is_said_and_nothing_comes_twice(importer: Importer) -> None:
    content = HEAD + wine("G23-1")
    first = importer.take_in(content, styles={"": "red"})
    importer.save(first.id)
    before = importer.wines()
    with pytest.raises(Conflict, match="This file came in before"):
        importer.take_in(content)
    other = importer.take_in(content + "\n", styles={"": "red"})
    assert other.counts == {"rows": 5, "duplicate": 10, "wines_matched": 1}
    with pytest.raises(Conflict, match="Nothing in this file is new"):
        importer.save(other.id)
    assert importer.wines() == before


def test_what_contradicts_and_what_cannot_be_is_told_by_line_and_the_rest_is_saved(
    importer: Importer,
) -> None:
    importer.save(importer.take_in(HEAD + wine("G23-1"), styles={"": "red"}).id)
    body = [
        "G23-01,,,,,2023-09-13,1.071,21.0,,",  # 2: the book says 1.094; the temperature is there
        "G23-1,,,,,2023-09-20,0.998,24,,",  # 3: new
        "G23-1,,,,,2023-09-20,0.998,,,",  # 4: like line 3
        "G23-1,,,,,2023-09-21,0.996,23,,",  # 5: another one says otherwise
        "G23-1,,,,,2023-09-21,0.990,,,",  # 6
        "G23-1,,,,,2023-10-21,0.990,,,",  # 7: after its end
        "G23-1,,,,,2023-09-22,20.5,x,,",  # 8: neither can be
        ",,,,,2023-09-22,1.0,,,",  # 9
        "G23-9,2023-09-30,2023-09-12,,,2023-09-22,1.0,,,",  # 10: ends before it begins
        "G23-1,,,,,2023-13-45,1.0,,,",  # 11
    ]
    view = importer.take_in(HEAD + "\n".join(body) + "\n", styles={"": "red"})
    assert importer.odd(view.id) == [
        (2, "conflicting", "in_the_book"),
        (2, "duplicate", "in_the_book"),
        (4, "duplicate", "twice_in_file"),
        (5, "conflicting", "twice_in_file"),
        (6, "conflicting", "twice_in_file"),
        (7, "refused", "after_end"),
        (8, "refused", "out_of_range"),
        (8, "refused", "unreadable_number"),
        (9, "refused", "no_code"),
        (10, "refused", "end_before_start"),
        (11, "refused", "unreadable_date"),
    ]
    saved = importer.save(view.id)
    assert saved.state == "saved"
    assert len(importer.wines()["G23-1"]) == 10 + 3
    importer.undo(view.id)
    assert len(importer.wines()["G23-1"]) == 10, "what the file added is void again"


@pytest.mark.parametrize("order", ["as written", "backwards", "mixed"])
def test_rows_are_weighed_the_same_in_any_order(importer: Importer, order: str) -> None:
    rows = (wine("G23-1") + wine("G23-2")).splitlines()
    rows += [
        rows[1],  # the same again
        rows[7].replace(",1.070,", ",1.071,"),  # another density, the same temperature
        rows[9].replace("2023-09-17", "2023-10-17"),  # after its end
    ]
    if order == "backwards":
        rows.reverse()
    if order == "mixed":
        rows = [*rows[::3], *rows[1::3], *rows[2::3]]
    view = importer.take_in(HEAD + "\n".join(rows) + "\n", styles={"": "red"})
    assert view.counts == {
        "rows": 13,
        "new": 19,
        "duplicate": 3,
        "conflicting": 2,
        "refused": 2,
        "wines_new": 2,
    }


def test_an_instruments_codes_find_the_wine_in_its_tank(
    importer: Importer, tank: Tank, work_off: Callable[[], int]
) -> None:
    at = tank.started_at + timedelta(days=2)
    head = (
        "No;Date;Time;Method;Sample ID;Measured Parameter 1;Value;Unit;Measured Parameter 2;Value;Unit;"
        "Temperature;Unit;State\n"
    )
    rows = [
        f"1;{at:%d.%m.%Y};07:02:11;WaterCheck;;Density;0,9982;g/cm3;SG 20/20;1,0000;;20,1;C;OK\n",
        f"2;{at:%d.%m.%Y};07:05:40;Wine;T1;Density;1,0841;g/cm3;SG 20/20;1,0857;;18,4;C;OK\n",
        f"3;{at:%d.%m.%Y};07:06:40;Wine;26TEM1;Density;1,0840;g/cm3;SG 20/20;1,0856;;18,5;C;OK\n",
        f"4;{at:%d.%m.%Y};07:07:40;Wine;ZZ9;Density;1,0311;g/cm3;SG 20/20;1,0329;;18,5;C;OK\n",
    ]
    view = importer.take_in((head + "".join(rows)).encode("cp1252"))
    assert view.counts == {"rows": 4, "left_out": 1, "matched": 4, "refused": 1, "wines_matched": 1}
    assert importer.odd(view.id) == [(2, "left_out", "left_out"), (5, "refused", "unknown_code")]
    importer.answer(view.id, codes={"ZZ9": "T-01"})
    fixed = importer.work(view.id)
    assert fixed.counts["matched"] == 6
    importer.save(view.id)
    assert len(importer.wines()["26-TEM-01"]) == 6
    assert work_off() > 0, "the wine is judged anew"


def test_wines_whose_lots_nobody_knows_are_called_what_their_file_says(
    importer: Importer, work_off: Callable[[], int]
) -> None:
    rows = "".join(wine(f"G23-{n}", variety="GARNACHA" if n % 2 else "Garnacha") for n in range(30))
    view = importer.take_in(HEAD + rows.replace(",6400,", ",,"), styles={"": "red"})
    importer.save(view.id)
    work_off()
    drawn = text("SELECT varietal, ferments FROM patterns")
    with importer.book.app.transaction(importer.actor.winery_id) as session:
        assert session.scalar(text("SELECT count(*) FROM harvest_lots")) == 0
        assert session.execute(drawn).all() == [("Garnacha", 30)]
        traced = session.execute(
            text("SELECT import_id, import_line FROM historical_samples GROUP BY 1, 2 ORDER BY 2")
        ).all()
    assert traced == [(view.id, line) for line in range(2, 152)], "each past reading knows its line"
    assert importer.count_history() == 300
    importer.undo(view.id)
    work_off()
    with importer.book.app.transaction(importer.actor.winery_id) as session:
        assert session.execute(drawn).all() == []
    assert importer.count_history() == 0


def test_a_column_is_explained_once_and_remembered(importer: Importer) -> None:
    first = importer.take_in(
        "Depósito de vino,Día,Lectura\nA-1,2023-09-14,21.5\nA-1,2023-09-16,12\n"
    )
    assert [question["key"] for question in first.questions] == ["columns"]
    names = [column["name"] for column in first.header]
    importer.answer(
        first.id,
        columns=dict(zip(names, ["wine", "date", "sugar/brix"], strict=True)),
        styles={"": "rose"},
    )
    assert importer.work(first.id).counts == {"rows": 2, "new": 2, "wines_new": 1}
    importer.save(first.id)
    second = importer.take_in(
        "Día,Lectura,Depósito de vino\n2023-09-14,20.5,A-2\n2023-09-16,11,A-2\n"
    )
    assert (second.state, second.counts["wines_new"]) == ("ready", 1)


def test_who_is_next_door_sees_nothing_of_it(importer: Importer, cast: Cast, book: Winery) -> None:
    view = importer.take_in(HEAD + wine("G23-1"), styles={"": "red"})
    with book.app.transaction(cast.carla.winery_id) as session:
        assert queries.find_import(session, view.id) is None
        assert queries.list_import_wines(session, view.id) == []
        page = queries.list_import_rows(session, view.id, verdict="new", cursor=None, limit=5)
        assert page.items == []
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        book.app.transaction(cast.ana.winery_id) as session,
    ):
        session.execute(text("SELECT * FROM staged_readings"))


def test_an_import_that_is_cancelled_while_it_is_saved_goes_on_or_is_undone(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("winery_appliance.historical_data.import_job.NOTE_EVERY_S", 0.0)
    content = HEAD + "".join(wine(f"G23-{n}") for n in range(1, 6))
    view = importer.take_in(content, styles={"": "red"})
    actor = importer.actor

    def cancel(done: int, _total: int) -> None:
        if done == 2:
            with importer.book.app.transaction(actor.winery_id) as session:
                service.cancel_import(session, view.id, actor=actor)

    with importer.book.app.transaction(actor.winery_id) as session:
        service.save_import(session, view.id, actor=actor)
    assert run_import(importer.book.worker, importer.folder, actor.winery_id, view.id, cancel)
    with importer.book.app.transaction(actor.winery_id) as session:
        assert service.get_import(session, view.id).state == "stopped"
    assert len(importer.wines()) == 2
    assert importer.save(view.id).state == "saved"
    assert {code: len(r) for code, r in importer.wines().items()} == {f"G23-{n}": 10 for n in range(1, 6)}  # fmt: skip


def test_a_wine_that_others_wrote_to_stays_when_its_file_is_undone(importer: Importer, tank: Tank) -> None:  # fmt: skip
    view = importer.save(importer.take_in(HEAD + wine("G23-1"), styles={"": "red"}).id)
    listed = tank.api.get("/fermentations").json["items"]
    past = next(item for item in listed if item["code"] == "G23-1")
    body = tank.body("5.0", measured_at="2023-09-20T10:00:00+00:00", confirm=True)
    assert tank.api.post(f"/fermentations/{past['id']}/samples", body).status_code == 201
    importer.undo(view.id)
    assert [reading[2] for reading in importer.wines()["G23-1"]] == ["5.0 brix"]


def test_export_and_import_give_an_equal_book(importer: Importer, tank: Tank) -> None:
    head = "wine,start,end,date,brix,free so2,style,yeast\n"
    odd = head + '\'quoted,2023-09-01,2023-09-20,2023-09-02,24,<5,red,"@x, ""y"""\n'
    importer.save(importer.take_in(odd).id)
    importer.save(importer.take_in(HEAD + wine("G23-1"), styles={"": "red"}).id)
    tank.api.post("/fermentations", {
        "code": "=HYPERLINK", "vessel_code": "T-9", "yeast_strain": "-x", "style": "white",
        "started_at": tank.started_at.isoformat(),
    })  # fmt: skip
    tank.record("-1.5", hours=240, confirm=True)
    told = importer.export()
    for row in csv.reader(io.StringIO(told)):
        assert not any(cell.startswith(("=", "+", "@")) for cell in row)
        assert not any(cell.startswith("-") and not cell[1:2].isdigit() for cell in row)
    view = importer.take_in(told)
    assert set(view.counts) <= {"rows", "duplicate", "wines_matched"}, "all of it is known"


def test_a_program_sends_a_file_in_pieces_that_may_be_sent_again(
    importer: Importer,
    tank: Tank,
    sign_in_api: Callable[[str], Api],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tank.api.app.extensions["winery_settings"].imports_dir
    data = (HEAD + wine("G23-1") + "G23-1,,,,,2023-09-30,1.0,,,\n").encode()
    begin = {"client_uuid": str(uuid4()), "file_name": "past.csv", "size_bytes": len(data)}
    begun = tank.api.post("/imports", begin)
    assert begun.status_code == 201
    assert tank.api.post("/imports", begin).status_code == 200
    assert tank.api.post("/imports", {**begin, "size_bytes": 5}).status_code == 409
    here = f"/imports/{begun.json['id']}"

    def send(start: int, end: int) -> Any:
        piece = base64.b64encode(data[start:end]).decode()
        return tank.api.post(f"{here}/pieces", {"offset": start, "piece": piece})

    assert send(0, 100).json["received_bytes"] == 100
    assert send(0, 100).json["received_bytes"] == 100, "sent again"
    gap = send(200, 300)
    assert (gap.status_code, gap.json["code"]) == (409, "wrong_offset")
    monkeypatch.setattr("os.fsync", full_disk)
    assert send(100, 200).status_code == 503
    monkeypatch.undo()
    assert send(100, len(data)).json["state"] == "waiting"
    run_pending_imports(importer.book.worker, folder)
    asked = tank.api.get(here).json
    assert (asked["state"], asked["questions"][0]["key"]) == ("asking", "styles.garnacha")
    assert tank.api.post(f"{here}/save", None).json["code"] == "wrong_state"
    answers = {"answers": {"styles": {"": "red"}}}
    assert tank.api.post(f"{here}/answers", answers).json["state"] == "waiting"
    run_pending_imports(importer.book.worker, folder)
    rows = tank.api.get(f"{here}/rows").json["items"]
    assert [(row["line"], row["fault"]) for row in rows] == [(7, "after_end")]
    with tank.api.get(f"{here}/refused") as refused:
        told = refused.text
    assert refused.headers["Content-Disposition"] == "attachment; filename=past.refused.csv"
    assert list(csv.reader(io.StringIO(told)))[1][-2:] == [
        "7", "The fermentation ended at 2023-09-28 23:59 UTC.",
    ]  # fmt: skip
    assert sign_in_api("carla").get(f"{here}/refused").status_code == 404
    new = tank.api.get(f"{here}/rows?verdict=new&limit=4").json
    more = tank.api.get(f"{here}/rows?verdict=new&limit=50&cursor={new['next_cursor']}").json
    assert len(new["items"]) + len(more["items"]) == 10
    assert sign_in_api("vera").post(f"{here}/save", None).status_code == 403
    assert sign_in_api("carla").get(here).status_code == 404
    assert tank.api.post(f"{here}/save", None).json["state"] == "saving"
    run_pending_imports(importer.book.worker, folder)
    assert tank.api.get(here).json["state"] == "saved"
    assert len(importer.wines()["G23-1"]) == 10
    assert tank.api.post(f"{here}/cancel", None).status_code == 409
    assert tank.api.post(f"{here}/undo", None).json["state"] == "undoing"
    run_pending_imports(importer.book.worker, folder)
    assert [item["state"] for item in tank.api.get("/imports").json["items"]] == ["undone"]


def full_disk(_descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("kind", ["csv", "tsv", "xlsx", "json"])
def test_refused_rows_are_mended_and_dropped_in_again(
    importer: Importer, tank: Tank, kind: str, tmp_path: Path
) -> None:
    rows = [
        ["wine", "date", "brix", "note", "style"],
        ["A-1", "2023-09-14", "21.5", "=1+1", "red"],
        ["A-1", "2023-09-15", "x21", "-", "red"],
        ["A-1", "2023-09-16", "-1.5", "ok", "red"],
        ["A-2", "2023-09-17", "210", "@home", "red"],
    ]
    first = importer.take_in(write_table(tmp_path / f"first.{kind}", rows))
    assert first.counts["refused"] == 2
    importer.save(first.id)
    with importer.book.app.transaction(importer.actor.winery_id) as session:
        path = find_path(importer.folder, importer.actor.winery_id, first.id)
        refused = open_refused_rows(session, first.id, path)
        with refused.file as file:
            told = file.read()
    assert refused.rows == 2
    path = tmp_path / f"mended.{kind}"
    path.write_bytes(told)
    header, *mended = [list(row.cells) for row in open_file(path).rows()]
    assert header == [*rows[0], "refused_line", "refused_reason"]
    assert [row[5] for row in mended] == ["3", "5"]
    assert "impossible for sugar" in mended[1][6]
    mended[0][2], mended[1][2] = "20.5", "21.0"
    second = importer.take_in(write_table(path, [header, *mended]))
    assert second.counts == {"rows": 2, "matched": 1, "new": 1, "wines_matched": 1, "wines_new": 1}
    importer.save(second.id)
    wines = importer.wines()
    assert (len(wines["A-1"]), len(wines["A-2"])) == (3, 1)


def write_table(path: Path, rows: list[list[str]]) -> bytes:
    """The table in the format that the file's name says."""
    if path.suffix == ".xlsx":
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate(rows):
                for place, cell in enumerate(row):
                    sheet.write_string(number, place, cell)
    elif path.suffix == ".json":
        path.write_text(json.dumps([dict(zip(rows[0], row, strict=True)) for row in rows[1:]]))
    else:
        with path.open("w", newline="") as file:
            csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",").writerows(rows)
    return path.read_bytes()
