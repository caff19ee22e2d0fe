"""What only a person can mend: it is told in a sentence, asked for seldom, and goes on by itself when it is mended."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import botocore.auth
import pytest

from backup.keys import save_file, save_site, state_dir
from backup.nas import adopt_nas
from sync.copies_lane import CopiesLane
from sync.notes import NUDGE, open_journal
from sync.reports import COPIES, CopiesReport, load_report
from tests.conftest import Winery
from tests.integration.conftest import Tank
from tests.integration.sync.fault_proxy import FaultProxy, check_order
from tests.integration.sync.object_store import ObjectStore
from tests.integration.sync.test_history import KEY, MONTH, make_site, old_tank
from tests.unit.sync.test_waiting import REPOSITORY
from winery_appliance.core.clock import now
from winery_appliance.core.settings import Settings

__all__ = ["old_tank"]


@pytest.fixture
def proxy(object_store: ObjectStore) -> Iterator[FaultProxy]:
    """The line."""
    made = FaultProxy(object_store.port)
    yield made
    made.close()


@pytest.fixture
def settings(
    book: Winery, object_store: ObjectStore, bucket: str, proxy: FaultProxy, tmp_path: Path
) -> Settings:
    """An appliance whose history waits for the bucket."""
    (tmp_path / "nas").mkdir()
    number = adopt_nas(tmp_path / "nas", plain_folder=True)
    update = {
        "data": tmp_path,
        "secrets": book.settings.secrets_dir,
        "offsite": f"s3://{bucket}",
        "offsite_endpoint": proxy.endpoint,
        "offsite_credentials": object_store.credentials("home"),
    }
    made = book.settings.model_copy(update=update)
    save_site(made, make_site().model_copy(update={"nas": number}))
    save_file(state_dir(made) / "keys" / "signing", KEY)
    return made


@pytest.mark.parametrize(
    ("fault", "kind", "words", "pause_s"),
    [
        ("403", "auth", "refuses these credentials", 3600),
        ("507", "quota", "takes no more", 3600),
        (timedelta(days=-2), "clock", "This machine's clock is 2880 minutes away", 300),
        (timedelta(days=730), "clock", "This machine's clock is 1051200 minutes away", 300),
    ],
)
def test_it_is_told_and_asked_for_seldom(
    fault: str | timedelta,
    kind: str,
    words: str,
    pause_s: int,
    settings: Settings,
    old_tank: Tank,
    proxy: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fifty turns make a request or two."""
    assert old_tank.record("24.0", hours=1).status_code == 201
    lane = CopiesLane(settings, REPOSITORY)

    def turn() -> CopiesReport:
        lane.turn()
        report = load_report(settings, COPIES, CopiesReport)
        assert report is not None
        return report

    with monkeypatch.context() as then:
        if isinstance(fault, str):
            proxy.decide = lambda _: fault
        else:
            real, wrong = botocore.auth.get_current_datetime, fault
            then.setattr(
                botocore.auth, "get_current_datetime", lambda *a, **k: real(*a, **k) + wrong
            )
            then.setattr("sync.storage.now", lambda: now() + wrong)
        trouble = [turn() for _ in range(50)][-1].trouble
    assert trouble is not None
    assert trouble.kind == kind
    assert words in str(trouble.words)
    assert "Nothing is lost: new records wait on this machine." in str(trouble.words)
    assert trouble.again_at is not None
    assert (trouble.again_at - trouble.since).total_seconds() == pytest.approx(pause_s, abs=1)
    assert 1 <= len(proxy.log) <= 2

    proxy.decide = lambda _: None
    open_journal(settings).set_note(NUDGE, "it is mended")
    report = turn()
    assert (report.trouble, report.history_day) == (None, f"{MONTH:%Y-%m}")
    assert check_order(proxy.log) == 1
    assert {entry.method for entry in proxy.log} <= {"GET", "PUT", "HEAD"}, "nothing was deleted"
