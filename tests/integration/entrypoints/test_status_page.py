"""The page that tells how the appliance is: for who answers for it, and for nobody else."""

from collections.abc import Callable
from datetime import timedelta

from flask import Flask
from sqlalchemy import text

from backup.keys import state_dir
from backup.proofs import Proof
from tests.conftest import Cast, Winery
from tests.integration.browser import Browser
from tests.integration.conftest import Api
from tests.unit.backup.test_health import Machine
from winery_appliance.core.clock import now


def test_who_configures_sees_what_is_wrong_and_what_to_do(
    app: Flask, book: Winery, cast: Cast
) -> None:
    assert cast
    seen = {}
    for name in ("ana", "marco", "bruno", "vera"):
        browser = Browser(app)
        assert browser.client.get("/status").status_code == 302, "nobody is signed in"
        browser.sign_in(name)
        seen[name] = browser.client.get("/status").status_code
    assert seen == {"ana": 200, "marco": 200, "bruno": 403, "vera": 403}

    owner = Browser(app)
    owner.sign_in("ana")
    page = owner.client.get("/status").text
    assert "Nothing is known of copies in" in page
    assert 'id="first-copies"' in page, "the first day is not over"
    assert "winery-appliance kit FOLDER" in page
    winemaker = Browser(app)
    winemaker.sign_in("marco")
    assert 'id="first-copies"' not in winemaker.client.get("/status").text

    machine = Machine(book.settings.data)
    failed = Proof(at=now() - timedelta(hours=1), ok=False, words="flipped", rto_s=1.0)
    machine.proofs.append(failed)
    try:
        machine.save()
        page = owner.client.get("/status").text
    finally:
        for path in ("site.json", "status.json", "base.json", "dump.json", "proofs.jsonl"):
            (state_dir(book.settings) / path).unlink()
    assert "Copies need somebody now" in page
    assert "The last trial restore failed: flipped" in page
    assert "12.0 s" in page
    assert page.count("gave everything back") == 2


def read_parts(api: Api) -> dict[str, tuple[str, str | None]]:
    """Of each part its level and what its button would do."""
    told = api.get("/status").json
    assert told["level"] in {part["level"] for part in told["subsystems"]}
    return {part["key"]: (part["level"], part["mend"]) for part in told["subsystems"]}


def test_each_part_is_told_in_its_colour_and_what_failed_can_be_tried_at_once(
    book: Winery, cast: Cast, sign_in_api: Callable[[str], Api]
) -> None:
    ana = sign_in_api("ana")
    before = read_parts(ana)
    assert before["worker"] == ("red", None)
    assert before["events"] == ("green", None)
    assert before["notices"] == ("amber", None)
    assert before["disk"][0] in {"green", "amber", "red"}
    with book.worker.transaction(cast.ana.winery_id) as session:
        session.execute(text("INSERT INTO worker_heartbeats VALUES ('w', now())"))
        session.execute(
            text(
                "INSERT INTO periodic_jobs (name, last_started_at, last_error) VALUES ('j', now(), 'broken')"
            )
        )
        session.execute(
            text(
                "INSERT INTO outbox (winery_id, event, subject, payload, attempts, last_error, run_after)"
                " VALUES (:id, 'X', 'x', '{}', 9, 'no such thing', now() + interval '1 h')"
            ),
            {"id": cast.ana.winery_id},
        )
    after = read_parts(ana)
    assert (after["worker"], after["events"], after["jobs"]) == (
        ("green", None),
        ("red", "events"),
        ("red", "jobs"),
    )
    for what in ("events", "jobs", "notices"):
        assert ana.post("/status/mend", {"what": what}).status_code == 204
    assert ana.post("/status/mend", {"what": "everything"}).status_code == 422
    assert sign_in_api("bruno").post("/status/mend", {"what": "jobs"}).status_code == 403
    with book.worker.transaction(cast.ana.winery_id) as session:
        assert session.scalar(text("SELECT run_after <= now() FROM outbox WHERE event = 'X'"))
        assert session.scalar(text("SELECT count(*) FROM huey_task")) >= 1


def test_the_page_has_a_button_where_one_helps(app: Flask, book: Winery, cast: Cast) -> None:
    browser = Browser(app)
    browser.sign_in("ana")
    assert "Try at once" not in browser.client.get("/status").text
    with book.worker.transaction() as session:
        session.execute(text("INSERT INTO periodic_jobs (name, last_error) VALUES ('j', 'broken')"))
    assert "Try at once" in browser.client.get("/status").text
    sent = {"csrf_token": browser.token("/status"), "what": "jobs"}
    assert browser.client.post("/status/mend", data=sent).status_code == 303
