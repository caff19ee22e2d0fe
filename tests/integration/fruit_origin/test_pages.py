"""Vineyards, blocks and lots by their pages, without script; and where a wine comes from as a picture."""

import re
from collections.abc import Callable
from xml.etree import ElementTree

from tests.integration.browser import Browser
from tests.integration.conftest import Api, Tank
from tests.integration.fermentation.test_managing_page import read_form
from tests.integration.fruit_origin.test_vineyards_and_lots import KINDS

LOTS = {"26-L1": "70", "26-L2": "30"}


def fill_book(api: Api) -> dict[str, int]:
    ids = {}
    for path, body in KINDS.items():
        made = api.post(path, body)
        assert made.status_code == 201, made.text
        ids[path] = made.json["id"]
    assert api.post("/harvest-lots", KINDS["/harvest-lots"] | {"code": "26-L2"}).status_code == 201
    return ids


def test_fruit_is_written_down_changed_taken_out_and_restored(
    enter: Callable[[str], Browser],
) -> None:
    client = enter("marco").client
    for path, body in KINDS.items():
        typed = {name: str(value).replace(".", ",") for name, value in body.items()}
        form = read_form(client.get(f"{path}/new").text, 'name="code"')
        assert set(form) - {"csrf_token", "version"} == set(body), "every field can be typed"
        answer = client.post(f"{path}/new", data=form | typed)
        assert answer.status_code == 303, answer.text
        page = client.get(path).text
        row = re.search(rf'{path}/\d+(?=">{body["code"]}<)', page)
        assert row, "it is in the list, to be opened"
        old = read_form(client.get(row[0]).text, 'name="code"')
        answer = client.post(row[0], data=old | {"code": "NEW"})
        assert answer.status_code == 303, answer.text
        stale = client.post(row[0], data=old | {"code": "OTHER"})
        assert stale.status_code == 422
        assert 'value="OTHER"' in stale.text, "what was typed is still there"
        client.post(row[0], data=read_form(client.get(row[0]).text, 'name="code"') | {"code": body["code"]})  # fmt: skip
        now = read_form(client.get(row[0]).text, 'name="code"')
        assert client.post(f"{row[0]}/delete", data=now).status_code == 303
        assert f"{row[0]}/restore" in client.get(f"{path}?deleted=true").text
        assert body["code"] not in client.get(path).text.partition("<tbody>")[2]
        token = {"csrf_token": now["csrf_token"]}
        assert client.post(f"{row[0]}/restore", data=token).status_code == 303
        assert f'{row[0]}">{body["code"]}<' in client.get(path).text


def test_a_cellar_hand_reads_and_changes_nothing(
    enter: Callable[[str], Browser], sign_in_api: Callable[[str], Api]
) -> None:
    ids = fill_book(sign_in_api("ana"))
    client = enter("bruno").client
    token = read_form(client.get("/account").text, "everywhere")
    for path, row_id in ids.items():
        page = client.get(path).text
        assert f"{path}/new" not in page
        assert f'{path}/{row_id}"' not in page
        assert client.get(f"{path}/{row_id}").status_code == 403
        assert client.post(f"{path}/{row_id}/delete", data=token).status_code == 403


def test_the_picture_says_every_share_and_leads_to_it(
    enter: Callable[[str], Browser], tank: Tank
) -> None:
    ids = fill_book(tank.api)
    path = f"/fermentations/{tank.id}"
    sources = [{"harvest_lot_code": code, "percentage": part} for code, part in LOTS.items()]
    seen = {"If-Match": tank.api.get(path).headers["ETag"]}
    changed = tank.api.call("PUT", f"{path}/lot-sources", {"lot_sources": sources}, **seen)
    assert changed.status_code == 200, changed.text
    client = enter("bruno").client
    page = client.get(f"{path}/origin").text
    svg = ElementTree.fromstring(re.findall(r"<svg viewBox.*?</svg>", page, re.DOTALL)[0])
    shares = [
        (text.text or "").strip() for text in svg.iter("text") if text.get("class") == "share"
    ]
    assert shares == ["70.0 %", "30.0 %"]
    ways = {link.get("href") for link in svg.iter("a")}
    lot_path = f"/harvest-lots/{ids['/harvest-lots']}/fermentations"
    assert lot_path in ways
    back = client.get(lot_path).text
    assert f"{path}/origin" in back
    assert "70.0 %" in back
