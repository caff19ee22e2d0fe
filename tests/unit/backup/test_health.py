"""The state of the copies: green only when all is well, and for each trouble the sentence, the colour and the exit code."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backup.bases import NewestBase
from backup.dumps import NewestDump
from backup.health import assess, render_metrics
from backup.job_failures import noting_failure
from backup.keys import KitFacts, Site, save_file, save_site, state_dir
from backup.nas import NasAbsent
from backup.proofs import Proof
from backup.refusals import CouldNotRun
from backup.status import Status
from winery_appliance.core.settings import Settings
from winery_appliance.core.words import LANGUAGES, speaking

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class Machine:
    """What an appliance whose copies are well knows; each part can be changed."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data=folder)
        self.kit = KitFacts(
            number=1, recipient="age1", made_at=NOW - DAY, canary_sha256="00", proven_at=NOW - DAY
        )
        self.site = Site(
            site="home",
            nas="1",
            mounted=True,
            custody="operational",
            verify_key="ed25519:AAAA",
            operational="age1",
            kits=(self.kit,),
        )
        self.status = Status(at=NOW, stretch=1, shipped_at=NOW - timedelta(seconds=3))
        self.base_at = self.dump_at = NOW - timedelta(hours=4)
        self.proofs = [
            Proof(at=NOW - 2 * DAY, ok=True, words="RESTORED", rto_s=9.0, rpo_s=2.5),
            Proof(at=NOW - timedelta(hours=3), ok=True, words="RESTORED", rto_s=12.0, rpo_s=4.0),
        ]

    def save(self) -> None:
        state, base = state_dir(self.settings), self.base_at
        save_site(self.settings, self.site.model_copy(update={"kits": (self.kit,)}))
        save_file(state / "status.json", self.status.model_dump_json())
        newest = NewestBase(repository="r", stretch=1, id="b", kit=1, full_at=base, begun_at=base)
        save_file(state / "base.json", newest.model_dump_json())
        dump = NewestDump(id="d", kit=1, made_at=self.dump_at)
        save_file(state / "dump.json", dump.model_dump_json())
        lines = "".join(proof.model_dump_json() + "\n" for proof in self.proofs)
        save_file(state / "proofs.jsonl", lines)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_green_is_everything_well_and_a_restore_proven(machine: Machine) -> None:
    machine.save()

    health = assess(machine.settings, NOW)

    assert (health.level, health.code, health.reasons) == ("green", 0, [])
    assert {finding.level for finding in health.findings} == {"green"}
    assert [(trial.rto_s, trial.rpo_s) for trial in health.trend] == [(9.0, 2.5), (12.0, 4.0)]
    metrics = render_metrics(health, NOW)
    assert "winery_backup_level 0\n" in metrics
    assert "winery_backup_restore_rto_seconds 12\n" in metrics
    assert "winery_backup_restore_proof_age_seconds 10800\n" in metrics


def _fail(machine: Machine) -> None:
    machine.proofs.append(Proof(at=NOW, ok=False, words="base.tar: flipped", rto_s=1.0))


def _set(name: str, value: object) -> Callable[[Machine], None]:
    return lambda machine: setattr(machine, name, value)


def _change(name: str, **values: object) -> Callable[[Machine], None]:
    return lambda machine: setattr(machine, name, getattr(machine, name).model_copy(update=values))


@pytest.mark.parametrize(
    ("harm", "name", "level", "code", "said"),
    [
        (_change("status", at=NOW - 5 * MINUTE), "stream", "red", 3, "does not run"),
        (_change("status", at=NOW + DAY), "stream", "red", 3, "does not run"),
        (_change("status", trouble=["The NAS is full."]), "stream", "red", 3, "NAS is full"),
        (_change("status", shipped_at=NOW - 30 * MINUTE), "log", "red", 3, "not reached the NAS"),
        (_change("status", shipped_at=None), "log", "red", 3, "not reached the NAS"),
        (_set("base_at", NOW - 3 * DAY), "base", "amber", 3, "no recent base copy"),
        (_set("dump_at", NOW - 3 * DAY), "dump", "amber", 3, "no recent portable dump"),
        (_set("proofs", []), "proof", "amber", 3, "No restore was proven"),
        (_fail, "proof", "red", 2, "base.tar: flipped"),
        (_change("kit", proven_at=None), "kit", "amber", 3, "was not proven"),
        (_change("kit", proven_at=NOW - 91 * DAY), "kit", "amber", 3, "was not proven"),
        (_change("site", mounted=False), "nas", "amber", 3, "a folder of this machine"),
    ],
)
def test_each_trouble_has_its_sentence(
    machine: Machine,
    harm: Callable[[Machine], None],
    name: str,
    level: str,
    code: int,
    said: str,
) -> None:
    harm(machine)
    machine.save()

    health = assess(machine.settings, NOW)

    assert (health.level, health.code) == (level, code)
    (finding,) = [one for one in health.findings if one.level != "green"]
    assert finding.name == name
    assert said in finding.words
    assert health.reasons == [f"{finding.words} {finding.remedy}".rstrip()]


def test_each_trouble_is_told_in_the_language_of_who_reads(machine: Machine) -> None:
    full = NasAbsent(
        "The NAS is not mounted at %(root)s. Nothing was written there; new records wait on this machine.",
        root="/mnt/nas",
    )
    machine.status = Status(at=NOW - timedelta(seconds=1), trouble=[full.sentence, "ENOSPC"])
    machine.base_at = machine.dump_at = NOW - 3 * DAY
    machine.proofs = [Proof(at=NOW, ok=False, words=full.sentence, rto_s=1.0)]
    machine.kit = machine.kit.model_copy(update={"proven_at": None})
    machine.site = machine.site.model_copy(update={"mounted": False})
    machine.save()
    with pytest.raises(NasAbsent), noting_failure(machine.settings, "base"):
        raise full

    english = assess(machine.settings, NOW)
    for language in LANGUAGES[1:]:
        with speaking(language):
            told = assess(machine.settings, NOW)
        assert [(f.name, f.level, f.code) for f in told.findings] == [
            (f.name, f.level, f.code) for f in english.findings
        ]
        for before, after in zip(english.findings, told.findings, strict=True):
            if before.words != "ENOSPC":  # what a machine said
                assert after.words != before.words
                assert "not mounted" not in after.words
            if before.remedy and not before.remedy.startswith("winery-backup"):
                assert after.remedy != before.remedy
        assert sum("/mnt/nas" in finding.words for finding in told.findings) == 3


def test_an_old_proof_is_amber_although_it_succeeded(machine: Machine) -> None:
    machine.proofs = machine.proofs[:1]
    machine.save()

    machine.status = machine.status.model_copy(
        update={"at": NOW + MINUTE, "shipped_at": NOW + MINUTE}
    )
    machine.save()
    assert assess(machine.settings, NOW + MINUTE).level == "amber"


def test_damage_is_said_also_when_nothing_runs(machine: Machine) -> None:
    _fail(machine)
    machine.status = machine.status.model_copy(update={"at": NOW - DAY})
    machine.save()

    assert assess(machine.settings, NOW).code == 2


def test_before_keys_and_with_an_unreadable_site_it_is_red(tmp_path: Path) -> None:
    before = assess(Settings(data=tmp_path), NOW)
    assert (before.level, before.code) == ("red", 4)
    assert "Nothing is known of copies" in before.reasons[0]
    save_file(tmp_path / "backup" / "status.json", Status(at=NOW).model_dump_json())
    told = assess(Settings(data=tmp_path), NOW)
    assert (told.level, told.code) == ("red", 4)
    assert "There are no keys" in told.reasons[0]
    save_file(tmp_path / "backup" / "site.json", "{")
    after = assess(Settings(data=tmp_path), NOW)
    assert (after.level, after.code) == ("red", 1)


def test_a_failed_job_is_told_until_it_went_well(machine: Machine) -> None:
    machine.save()
    with pytest.raises(CouldNotRun), noting_failure(machine.settings, "dump"):
        raise CouldNotRun("pg_dump ended with code 1.")
    health = assess(machine.settings, NOW)
    assert (health.level, health.code) == ("amber", 3)
    assert "pg_dump ended with code 1." in health.reasons[0]

    with noting_failure(machine.settings, "dump"):
        pass
    assert assess(machine.settings, NOW).level == "green"
