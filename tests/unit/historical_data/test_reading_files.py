"""Bytes become rows with their line numbers, whatever program wrote them; what is no table is refused at once."""

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.historical_data.workbook_files import write_workbook
from winery_appliance.historical_data.files import MOST_COLUMNS, find_encoding, open_file
from winery_appliance.historical_data.refusals import UnreadableFile
from winery_appliance.historical_data.workbooks import FORMULA

TABLE = "Wein;Datum;Öchsle\r\nSüß-1;12.09.2024;95,5\r\n"


def write(folder: Path, content: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("cp1252", b""),
        ("latin-1", b""),
    ],
)
def test_every_encoding_gives_the_same_rows(tmp_path: Path, encoding: str, mark: bytes) -> None:
    file = open_file(write(tmp_path, mark + TABLE.encode(encoding)))
    assert (file.kind, file.delimiter) == ("csv", ";")
    rows = list(file.rows())
    assert [(row.line, list(row.cells)) for row in rows] == [
        (1, ["Wein", "Datum", "Öchsle"]),
        (2, ["Süß-1", "12.09.2024", "95,5"]),
    ]
    assert list(file.rows()) == rows, "a file can be read again"


def test_an_encoding_is_told_by_the_whole_file(tmp_path: Path) -> None:
    late = write(tmp_path, b"a,b\n" * 600_000 + "Süß,1\n".encode("cp1252"))
    assert find_encoding(late) == "cp1252"


@pytest.mark.parametrize(
    ("line_end", "lines"), [("\n", [1, 2, 3]), ("\r\n", [1, 2, 3]), ("\r", [1, 2, 3])]
)
def test_line_ends_may_differ_and_lines_are_counted(
    tmp_path: Path, line_end: str, lines: list[int]
) -> None:
    text = f'wine,brix{line_end}"a{line_end}b",2\nc,3\r\n'
    rows = list(open_file(write(tmp_path, text.encode())).rows())
    assert [row.line for row in rows] == [1, 2, 4]
    assert lines == [1, 2, 3]


def test_decimal_commas_do_not_pass_for_delimiters(tmp_path: Path) -> None:
    text = "lot;brix;temp\n" + "a;1,5;2,5\n" * 30
    assert open_file(write(tmp_path, text.encode())).delimiter == ";"
    tabs = "lot\tbrix\ttemp\n" + "a\t1,5\t2,5\n" * 30
    assert open_file(write(tmp_path, tabs.encode())).delimiter == "\t"


def test_a_row_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    wide = ",".join(["x"] * 10_000)
    text = f'wine,brix\na,1\nb"c" "d,2\n"x"y,3\n{wide}\ne,5\n"never closed,6\nf,7\n'
    rows = list(open_file(write(tmp_path, text.encode())).rows())
    faults = {row.line: row.fault for row in rows if row.fault}
    assert {4, 5, 7} == set(faults), "each by its own line"
    assert "10000 columns" in str(faults[5])
    assert len(next(row for row in rows if row.line == 5).cells) == MOST_COLUMNS
    assert [list(row.cells) for row in rows if row.line in (2, 6)] == [["a", "1"], ["e", "5"]]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (bytes(range(256)) * 100, "not_a_table"),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 64, "not_a_table"),
        (b"x" * (2**20 + 10), "line_too_long"),
        (b"PK\x03\x04 and then nothing", "not_a_workbook"),
        (b'[{"wine": "a"}, 3]', "not_a_table"),
        (b'{"wine": ', "not_json"),
        (b"[" * 100_000, "not_json"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(
    tmp_path: Path, content: bytes, code: str
) -> None:
    with pytest.raises(UnreadableFile) as refused:
        list(open_file(write(tmp_path, content)).rows())
    assert refused.value.code == code
    assert "Nothing was saved." in refused.value.detail


def test_a_file_of_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(2 * 2**30)
    with pytest.raises(UnreadableFile) as refused:
        open_file(path)
    assert refused.value.code == "file_too_large"


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_any_bytes_are_rows_or_a_refusal(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:  # fmt: skip
    path = write(tmp_path_factory.mktemp("any"), content)
    try:
        rows = list(open_file(path).rows())
    except UnreadableFile:
        return
    assert all(row.line >= 1 for row in rows)


def test_objects_of_json_are_rows(tmp_path: Path) -> None:
    text = '{"note": 1, "readings": [{"wine": "a", "brix": 1.50}, {"wine": "b", "ph": null}]}'
    rows = list(open_file(write(tmp_path, text.encode())).rows())
    assert [list(row.cells) for row in rows] == [
        ["wine", "brix", "ph"],
        ["a", "1.50", ""],
        ["b", "", ""],
    ]


def test_a_workbook_gives_what_was_typed_and_no_formulas(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    write_workbook(
        path,
        {
            3: {"B": "wine", "C": "brix", "D": "day"},
            4: {"B": "T-1", "C": 21.4, "D": 24.0},
            6: {"B": "T-2", "C": "=C4-1", "D": 0.1 + 0.2},
        },
    )
    rows = list(open_file(path).rows())
    assert [(row.line, list(row.cells)) for row in rows] == [
        (3, ["wine", "brix", "day"]),
        (4, ["T-1", "21.4", "24"]),
        (6, ["T-2", FORMULA, "0.3"]),
    ]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed,
        packed.open("xl/workbook.xml", "w", force_zip64=True) as member,
    ):
        for _ in range(200):
            member.write(b"\0" * 2**20)
    assert path.stat().st_size < 2**20
    with pytest.raises(UnreadableFile) as refused:
        list(open_file(path).rows())
    assert refused.value.code == "workbook_too_large"


def test_a_bomb_that_lies_about_its_size_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "liar.xlsx"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("xl/workbook.xml", b"\0" * 10_000_000)
    told = (10_000_000).to_bytes(4, "little")
    path.write_bytes(packed.getvalue().replace(told, (1000).to_bytes(4, "little")))
    with pytest.raises(UnreadableFile) as refused:
        list(open_file(path).rows())
    assert refused.value.code == "not_a_workbook"
