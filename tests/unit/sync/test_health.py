"""How the off-site copies are told to be, from what their processes and the trial restores leave behind."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from backup.health import Finding
from backup.keys import save_file, state_dir
from backup.proofs import Proof
from sync.health import assess_offsite
from sync.reports import (
    COPIES,
    LOG,
    RUN,
    CopiesReport,
    LogReport,
    RunReport,
    Trouble,
    keep_since,
    save_report,
)
from sync.troubles import Unreachable
from winery_appliance.core.clock import now
from winery_appliance.core.settings import Settings
from winery_appliance.core.words import LANGUAGES, speaking

NOW = now()
DAY = timedelta(days=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A machine whose copies are all off-site."""
    made = Settings(data=tmp_path, offsite="s3://cellar")
    save_report(made, RUN, RunReport(at=NOW))
    save_report(made, LOG, LogReport(at=NOW, sent_at=NOW))
    save_report(made, COPIES, CopiesReport(at=NOW, base="one", base_at=NOW))
    return made


def prove(settings: Settings, at: datetime, *, ok: bool = True) -> Finding:
    """What is told of the proof after a trial restore from the bucket."""
    proof = Proof(at=at, ok=ok, words="It is so.", rto_s=9.0)
    save_file(state_dir(settings) / "proofs-offsite.jsonl", proof.model_dump_json() + "\n")
    return find(settings, "proof")


def find(settings: Settings, name: str) -> Finding:
    findings = assess_offsite(settings, NOW).findings
    return next(finding for finding in findings if finding.name == name)


def test_only_a_restore_from_the_bucket_proves_the_bucket(settings: Settings) -> None:
    proof = Proof(at=NOW, ok=True, words="It is so.", rto_s=9.0)
    save_file(state_dir(settings) / "proofs.jsonl", proof.model_dump_json() + "\n")
    assert find(settings, "proof").level == "amber", "that was the NAS"
    assert prove(settings, NOW - 29 * DAY).level == "green"
    assert assess_offsite(settings, NOW).proven_at == NOW - 29 * DAY
    assert prove(settings, NOW - 46 * DAY).level == "amber"
    assert prove(settings, NOW, ok=False).level == "red"
    assert assess_offsite(settings, NOW).proven_at is None


def test_history_that_cannot_be_read_is_told_and_turns_nothing_red(settings: Settings) -> None:
    prove(settings, NOW)
    assert assess_offsite(settings, NOW).level == "green"
    trouble = Trouble(kind="history", words="No table.", since=NOW)
    report = CopiesReport(at=NOW, base="one", base_at=NOW, history_trouble=trouble)
    save_report(settings, COPIES, report)
    assert find(settings, "history").level == "amber"
    assert assess_offsite(settings, NOW).level == "amber"


def test_each_trouble_is_told_in_the_language_of_who_reads(settings: Settings) -> None:
    prove(settings, NOW - 46 * DAY)
    away = Unreachable("%(where)s broke off (%(why)s).", where="s3://cellar", why="Reset")
    trouble = keep_since(None, away.kind, away.sentence, NOW - DAY, 60)
    save_report(settings, LOG, LogReport(at=NOW, trouble=trouble, clock_offset_s=-7200))
    save_report(settings, COPIES, CopiesReport(at=NOW, base="one", base_at=NOW - 9 * DAY))
    save_report(settings, RUN, RunReport(at=NOW - DAY))

    english = assess_offsite(settings, NOW).findings
    assert {finding.name for finding in english} == {
        "run",
        "retry",
        "log",
        "base",
        "proof",
        "clock",
    }
    for language in LANGUAGES[1:]:
        with speaking(language):
            told = assess_offsite(settings, NOW).findings
        for before, after in zip(english, told, strict=True):
            assert (after.name, after.level, after.code) == (before.name, before.level, before.code)
            assert after.words != before.words
        (cut,) = [finding.words for finding in told if finding.name == "retry"]
        assert "s3://cellar" in cut
        assert "broke off" not in cut
