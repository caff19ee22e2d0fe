"""The page that tells how the appliance is: for who answers for it, and for nobody else."""

from datetime import timedelta

from flask import Flask

from backup.keys import state_dir
from backup.proofs import Proof
from tests.conftest import Cast, Winery
from tests.integration.auth.test_sign_in import Browser
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
    assert "Nothing is known of copies in" in owner.client.get("/status").text

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
