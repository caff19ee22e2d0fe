"""Notes: words and photos about a wine, whatever somebody sends as a photo."""

import io
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api, Tank
from winery_appliance.cellar_work import photos

NORTH_EAST = {1: "N", 2: 41.0, 3: "E", 4: 2.0}


def draw(mode: str = "RGB", size: tuple[int, int] = (400, 300)) -> Image.Image:
    """A picture with a red upper left quarter and the rest blue."""
    picture = Image.new("RGB", size, "blue")
    picture.paste("red", (0, 0, size[0] // 2, size[1] // 2))
    return picture.convert(mode)


def write(picture: Image.Image, kind: str = "JPEG", **more: Any) -> bytes:
    """The bytes of a picture."""
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def noise(side: int) -> Image.Image:
    """What compresses worst."""
    return Image.effect_noise((side, side), 120).convert("RGB")


def send(api: Api, path: str, photo: bytes | None, **fields: str) -> TestResponse:
    """A note as a form."""
    form: dict[str, Any] = {"client_uuid": str(uuid4()), **fields}
    if photo is not None:
        form["photo"] = FileStorage(io.BytesIO(photo), "photo.jpg")
    boundary, body = encode_multipart(form)
    headers = {
        "Authorization": f"Bearer {api.token}",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
    }
    return api.app.test_client().post(f"/api/v1{path}", data=body, headers=headers)


@pytest.fixture
def path(tank: Tank) -> str:
    """Where notes of the tank are sent."""
    return f"/fermentations/{tank.id}/notes"


def note(tank: Tank, content: str = "Smells of cherries.", **more: Any) -> TestResponse:
    """A note in words."""
    body = {"client_uuid": str(uuid4()), "content": content, **more}
    return tank.api.post(f"/fermentations/{tank.id}/notes", body)


def fetch(tank: Tank, path: str, **headers: str) -> tuple[TestResponse, Image.Image]:
    """A photo and the picture in it."""
    answer = tank.api.get(path, **headers)
    assert answer.status_code == 200, answer.text
    picture = Image.open(io.BytesIO(answer.data))
    picture.load()
    return answer, picture


def test_a_note_is_saved_once_and_read_back(tank: Tank, path: str) -> None:
    body = {"client_uuid": str(uuid4()), "content": " Smells of cherries. "}
    first = tank.api.post(path, body)
    assert first.status_code == 201, first.text
    assert (first.json["content"], first.json["photo"]) == ("Smells of cherries.", None)
    assert tank.api.post(path, body).status_code == 200
    other = tank.api.post(path, {**body, "content": "Of plums."})
    assert (other.status_code, other.json["code"]) == (409, "uuid_reused")
    assert tank.api.get(path).json["items"] == [first.json]
    assert tank.api.get(f"{path}/{first.json['id']}").json == first.json


def test_a_photo_is_kept_as_a_picture_of_our_own(tank: Tank, path: str) -> None:
    sent = write(draw(size=(3000, 2000)))
    form = {"client_uuid": str(uuid4())}
    first = send(tank.api, path, sent, **form)
    assert first.status_code == 201, first.text
    assert first.json["photo"] == {"width": 2048, "height": 1365}
    assert send(tank.api, path, sent, **form).status_code == 200
    other = send(tank.api, path, write(draw()), **form)
    assert (other.status_code, other.json["code"]) == (409, "uuid_reused")
    where = f"{path}/{first.json['id']}/photo"
    answer, picture = fetch(tank, where)
    assert (picture.format, picture.size) == ("JPEG", (2048, 1365))
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again = tank.api.get(where, **{"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    small, thumbnail = fetch(tank, f"{where}?size=thumbnail")
    assert max(thumbnail.size) == 320
    assert small.headers["ETag"] != answer.headers["ETag"]
    assert tank.api.get(f"{where}?size=huge").status_code == 422


def test_what_the_camera_wrote_is_gone_and_the_picture_stands_upright(
    tank: Tank, path: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held with its right side down: turn it clockwise
    exif[0x010F] = "Brand of the telephone"
    exif.get_ifd(0x8825).update(NORTH_EAST)
    sent = write(draw(), exif=exif, comment=b"in confidence")
    assert b"Brand" in sent
    kept = send(tank.api, path, sent)
    answer, picture = fetch(tank, f"{path}/{kept.json['id']}/photo")
    assert picture.size == (300, 400)
    red = picture.getpixel((290, 10))
    assert red[0] > 200 > red[2], "what was left is above after the turn"
    assert dict(picture.getexif()) == {}
    assert b"Brand" not in answer.data
    assert b"in confidence" not in answer.data
    assert b"Exif" not in answer.data


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "RGBA"), ("PNG", "P"), ("PNG", "1"), ("WEBP", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK")],
)
def test_every_sort_that_cameras_and_screens_make_is_taken(
    tank: Tank, path: str, kind: str, mode: str
) -> None:
    kept = send(tank.api, path, write(draw(mode), kind))
    assert kept.status_code == 201, kept.text
    _, picture = fetch(tank, f"{path}/{kept.json['id']}/photo")
    assert (picture.mode, picture.size) == ("RGB", (400, 300))


def test_a_picture_with_more_behind_it_is_taken_as_its_first(tank: Tank, path: str) -> None:
    sent = write(draw(), "MPO", save_all=True, append_images=[draw(size=(100, 100))])
    kept = send(tank.api, path, sent)
    assert kept.json["photo"] == {"width": 400, "height": 300}


def test_whatever_hangs_on_a_picture_stays_outside(tank: Tank, path: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("hello.html", "<script>alert(1)</script>")
    kept = send(tank.api, path, write(draw()) + archive.getvalue())
    answer, _ = fetch(tank, f"{path}/{kept.json['id']}/photo")
    assert b"hello.html" not in answer.data
    assert not zipfile.is_zipfile(io.BytesIO(answer.data))


def test_what_compresses_worst_still_fits(tank: Tank, path: str) -> None:
    kept = send(tank.api, path, write(noise(2600), quality=95))
    assert kept.status_code == 201, kept.text
    answer, _ = fetch(tank, f"{path}/{kept.json['id']}/photo")
    assert len(answer.data) <= 1_000_000


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def make_bomb(width: int, height: int) -> bytes:
    """A PNG of very many black pixels in very few bytes."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    squeezed = zlib.compressobj(9)
    row = b"\x00" * (1 + 3 * width)
    body = b"".join(squeezed.compress(row) for _ in range(min(height, 2000))) + squeezed.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", head)
        + png_chunk(b"IDAT", body)
        + png_chunk(b"IEND", b"")
    )


def make_moving(kind: str) -> bytes:
    frames = [draw(), draw().rotate(90)]
    return write(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def make_text_bomb() -> bytes:
    """A small PNG with a text of a gigabyte, squeezed a thousand times."""
    squeezer = zlib.compressobj(9)
    piece = b"a" * 1024 * 1024
    squeezed = b"".join(squeezer.compress(piece) for _ in range(256)) + squeezer.flush()
    plain = write(draw(), "PNG")
    return plain[:33] + png_chunk(b"zTXt", b"k\x00\x00" + squeezed) + plain[33:]


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "words": (lambda: b"This is no picture.", "not_a_picture"),
    "a page": (lambda: b"<html><script>alert(1)</script></html>", "not_a_picture"),
    "a drawing that runs": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_a_picture"),
    "a GIF": (lambda: write(draw("P"), "GIF"), "not_a_picture"),
    "a GIF that is a program": (lambda: b"GIF89a/*" + b"\x00" * 40 + b"*/=1", "not_a_picture"),
    "a TIFF": (lambda: write(draw(), "TIFF"), "not_a_picture"),
    "just a mark of JPEG": (lambda: b"\xff\xd8\xff\xe0", "not_a_picture"),
    "half a JPEG": (lambda: write(noise(300))[:20_000], "damaged"),
    "half a PNG": (lambda: write(noise(300), "PNG")[:20_000], "damaged"),
    "half a WebP": (lambda: write(noise(300), "WEBP")[:5_000], "damaged"),
    "moving PNG": (lambda: make_moving("PNG"), "animated"),
    "moving WebP": (lambda: make_moving("WEBP"), "animated"),
    "nine billion pixels": (lambda: make_bomb(95_000, 95_000), "too_many_pixels"),
    "a strip of 53 megapixels": (lambda: make_bomb(53_000, 1_000), "too_many_pixels"),
    "a text bomb": (make_text_bomb, "damaged"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_photo_is_refused_with_a_reason(tank: Tank, path: str, name: str) -> None:
    make, code = REFUSED[name]
    refused = send(tank.api, path, make(), content="Look at this.")
    assert refused.status_code == 422, refused.text
    assert [(f["path"], f["code"]) for f in refused.json["fields"]] == [("photo", code)]
    assert tank.api.get(path).json["items"] == []


def test_the_largest_picture_that_is_taken_stays_within_its_memory(tank: Tank, path: str) -> None:
    kept = send(tank.api, path, write(Image.new("RGBA", (7200, 7200), "red"), "PNG"))
    assert kept.status_code == 201, kept.text
    assert kept.json["photo"] == {"width": 2048, "height": 2048}


@pytest.mark.parametrize("act", ["allocate", "turn"])
def test_a_picture_that_breaks_its_decoder_breaks_nothing_else(
    tank: Tank, path: str, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder that grabs memory or never ends: the limits hold, whatever the file did to it."""
    program = {
        "allocate": "x = bytearray(3 * 1024**3)",
        "turn": "while True: pass",
    }[act]
    # The real program with another decoder, started as the real one is.
    stand_in = (
        "import resource, sys; from winery_appliance.cellar_work import photo_redrawing as p;"
        f"p.CPU_S = 1; p.redraw = lambda given: exec({program!r}); sys.exit(p.main())"
    )
    run = photos.subprocess.run
    monkeypatch.setattr(
        photos.subprocess,
        "run",
        lambda args, **more: run([*args[:-2], "-c", stand_in], **more),
    )
    refused = send(tank.api, path, write(draw()))
    assert refused.status_code == 422
    assert refused.json["fields"][0]["code"] == {"allocate": "too_large", "turn": "too_hard"}[act]


def test_a_larger_body_is_for_photos_and_for_who_is_signed_in(tank: Tank, path: str) -> None:
    heavy = write(noise(1500), quality=100)
    assert 1024 * 1024 < len(heavy) < 20 * 1024 * 1024
    assert send(tank.api, path, heavy).status_code == 201
    too_heavy = send(tank.api, path, b"\xff" * (20 * 1024 * 1024 + 1))
    assert (too_heavy.status_code, too_heavy.json["code"]) == (413, "request_entity_too_large")
    nobody = send(Api(tank.api.app, "nobody's"), path, heavy)
    assert nobody.status_code == 401
    words = note(tank, "x" * 3 * 1024 * 1024)
    assert words.status_code in {413, 422}, "words have a limit of their own"
    elsewhere = tank.api.post("/vessels", {"code": "x" * 3 * 1024 * 1024})
    assert elsewhere.status_code == 413


@pytest.mark.parametrize(
    "change",
    [
        {"content": "x" * 10_001},
        {"content": "\x00"},
        {"content": ""},
        {"client_uuid": "1"},
        {"noted_at": "yesterday"},
        {"noted_at": "2190-01-01T00:00:00Z"},
        {"surprise": "1"},
    ],
)
def test_malformed_notes_are_refused_with_the_field(
    tank: Tank, path: str, change: dict[str, str]
) -> None:
    for refused in (note(tank, **change), send(tank.api, path, None, **{"content": "A", **change})):
        assert refused.status_code == 422
        assert [fault["path"] for fault in refused.json["fields"]] == list(change)


def test_notes_stand_in_the_order_they_were_written_and_pages_hold_each_once(
    tank: Tank, path: str
) -> None:
    for hours in (5, 1, 3):
        at = (tank.started_at + timedelta(hours=hours)).isoformat()
        assert note(tank, f"after {hours}", noted_at=at).status_code == 201
    first = tank.api.get(f"{path}?limit=2").json
    second = tank.api.get(f"{path}?limit=2&cursor={first['next_cursor']}").json
    found = [item["content"] for item in first["items"] + second["items"]]
    assert (found, second["next_cursor"]) == (["after 1", "after 3", "after 5"], None)


def test_a_note_goes_out_of_sight_with_its_photo_and_comes_back(tank: Tank, path: str) -> None:
    kept = send(tank.api, path, write(draw()))
    one = f"{path}/{kept.json['id']}"
    stale = tank.api.call("DELETE", one, **{"If-Match": '"another"'})
    assert stale.status_code == 412
    tag = tank.api.get(one).headers["ETag"]
    assert tank.api.call("DELETE", one, **{"If-Match": tag}).status_code == 204
    for gone in (one, f"{one}/photo"):
        assert tank.api.get(gone).status_code == 404
    assert tank.api.call("DELETE", one).status_code == 404
    assert tank.api.get(path).json["items"] == []
    deleted = tank.api.get(f"{path}?deleted=true").json["items"]
    assert [item["id"] for item in deleted] == [kept.json["id"]]
    assert tank.api.post(f"{one}/restore", None).json == kept.json
    assert tank.api.get(f"{one}/photo").status_code == 200


def test_the_same_note_twice_at_once_is_saved_once(tank: Tank, path: str) -> None:
    form = {"client_uuid": str(uuid4()), "content": "Twice."}
    sent = write(draw())
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(send(tank.api, path, sent, **form).status_code)
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 200, 201]
    assert len(tank.api.get(path).json["items"]) == 1


def test_a_neighbour_neither_sees_nor_writes_nor_deletes(
    tank: Tank, path: str, sign_in_api: Callable[[str], Api]
) -> None:
    kept = send(tank.api, path, write(draw()))
    one = f"{path}/{kept.json['id']}"
    carla = sign_in_api("carla")
    body = {"client_uuid": str(uuid4()), "content": "Mine."}
    answers = [
        carla.get(path),
        carla.post(path, body),
        send(carla, path, write(draw())),
        carla.get(one),
        carla.get(f"{one}/photo"),
        carla.call("DELETE", one),
        carla.post(f"{one}/restore", None),
    ]
    assert [answer.status_code for answer in answers] == [404] * 7
    assert tank.api.get(path).json["items"] == [kept.json]


def test_a_note_is_found_under_its_own_wine_only(
    tank: Tank, path: str, sign_in_api: Callable[[str], Api]
) -> None:
    kept = note(tank).json
    body = {
        "code": "B",
        "vessel_code": "T-02",
        "yeast_strain": "X",
        "style": "red",
        "started_at": tank.started_at.isoformat(),
    }
    other = tank.api.post("/fermentations", body).json["id"]
    assert tank.api.get(f"/fermentations/{other}/notes/{kept['id']}").status_code == 404
    assert tank.api.call("DELETE", f"/fermentations/{other}/notes/{kept['id']}").status_code == 404


def test_rows_cannot_be_written_into_or_linked_to_another_winery(
    book: Winery, tank: Tank, path: str, cast: Cast
) -> None:
    kept = send(tank.api, path, write(draw())).json["id"]
    note_row = (
        "INSERT INTO fermentation_notes (winery_id, fermentation_id, user_id, client_uuid, content,"
        " noted_at, body_hash) VALUES (:winery, :tank, :user, gen_random_uuid(), 'x', now(), 'x')"
    )
    photo_row = (
        "INSERT INTO note_photos (winery_id, note_id, digest, width, height, image, thumbnail)"
        f" VALUES (:winery, {kept}, 'x', 1, 1, 'x', 'x')"
    )
    carla = {"winery": cast.carla.winery_id, "tank": tank.id, "user": cast.carla.user_id}
    for statement, home, fault, kind in (
        (note_row, cast.ana.winery_id, "row-level security", ProgrammingError),
        (photo_row, cast.ana.winery_id, "row-level security", ProgrammingError),
        (note_row, cast.carla.winery_id, "foreign key", DBAPIError),
        (photo_row, cast.carla.winery_id, "foreign key|unique", DBAPIError),
    ):
        used = {name: value for name, value in carla.items() if f":{name}" in statement}
        with pytest.raises(kind, match=fault), book.app.transaction(home) as session:
            session.execute(text(statement), used)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE fermentation_notes SET content = 'x'",
        "DELETE FROM fermentation_notes",
        "UPDATE note_photos SET image = 'x'",
        "DELETE FROM note_photos",
    ],
)
def test_what_was_written_can_be_hidden_but_not_rewritten(
    book: Winery, tank: Tank, cast: Cast, statement: str
) -> None:
    assert note(tank).status_code == 201
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        book.app.transaction(cast.ana.winery_id) as session,
    ):
        session.execute(text(statement))
