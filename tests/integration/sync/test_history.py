"""The history in the bucket: every closed day once, exact, corrected as a new version, and asked by SQL."""

from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyrage
import pytest

from backup.keys import KitFacts, Site
from backup.manifest import make_signing_key, read_verify_key
from backup.refusals import CouldNotRun, Damaged, KeyRefused
from sync.history import HistoryExport
from sync.journal import Journal
from sync.lake import Cache, Reader, ask, find_parts
from sync.patience import Pace
from sync.pushing import Pusher
from sync.repository import BucketStore
from sync.storage import Bucket
from tests.conftest import Winery
from tests.integration.conftest import Api, Tank
from tests.integration.sync.object_store import ObjectStore
from winery_appliance.core.clock import now

KEY = make_signing_key()
IDENTITY = pyrage.x25519.Identity.generate()


def make_site() -> Site:
    """A site whose kit's key is `IDENTITY`."""
    kit = KitFacts(number=1, recipient=str(IDENTITY.to_public()), made_at=now(), canary_sha256="")
    return Site(
        site="home",
        nas="n",
        mounted=False,
        custody="strict",
        verify_key=read_verify_key(KEY),
        operational=None,
        kits=(kit,),
    )


READER = Reader("home", (str(IDENTITY),), read_verify_key(KEY))


@pytest.fixture
def export(
    object_store: ObjectStore, bucket: str, book: Winery, tmp_path: Path
) -> Callable[..., list[str]]:
    """Bring what changed into the bucket; the days."""
    settings = book.settings.model_copy(
        update={"data": tmp_path, "secrets": book.settings.secrets_dir}
    )
    line = Bucket(object_store.place(bucket, "home"))
    journal = Journal(tmp_path / "journal")

    def run(kind: str = "age") -> list[str]:
        chosen = settings.model_copy(update={"offsite_history": kind})
        pusher = Pusher(line, journal, Pace(0))
        return HistoryExport(chosen, make_site(), KEY, journal, pusher).export()

    return run


MONTH = (now().replace(day=1) - timedelta(days=40)).replace(
    day=1, hour=6, minute=0, second=0, microsecond=0
)
TOTAL = "SELECT count(*), sum(value_typed::double), min(unit_typed), min(site), min(winery) FROM samples"


@pytest.fixture
def old_tank(sign_in_api: Callable[[str], Api]) -> Tank:
    """A red that began with a month that is over by now."""
    api = sign_in_api("ana")
    body = {"code": "26-OLD-01", "vessel_code": "T-01", "style": "red", "yeast_strain": "EC-1118"}
    answer = api.post("/fermentations", body | {"started_at": MONTH.isoformat()})
    assert answer.status_code == 201, answer.text
    return Tank(api, answer.json["id"], MONTH.astimezone(UTC))


@pytest.fixture
def at_day(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the history believe that it is noon of a day of `MONTH`."""
    return lambda day: monkeypatch.setattr(
        "sync.history.now", lambda: MONTH.replace(day=day, hour=12)
    )


@pytest.fixture
def answer_of(
    object_store: ObjectStore, bucket: str, tmp_path: Path
) -> Callable[[str], list[tuple[Any, ...]]]:
    """Ask the history as the command does."""
    cache = Cache(tmp_path / "cache", 1 << 20)

    def answer(question: str) -> list[tuple[Any, ...]]:
        store = BucketStore(Bucket(object_store.place(bucket, "home")))
        return ask(store, [READER], cache, question)[1]

    return answer


def test_closed_days_are_kept_exactly_and_once(
    export: Callable[..., list[str]],
    old_tank: Tank,
    at_day: Callable[[int], None],
    answer_of: Callable[[str], list[tuple[Any, ...]]],
    object_store: ObjectStore,
    bucket: str,
    tmp_path: Path,
) -> None:
    values = [24.0 - number / 2 for number in range(12)]
    for number, value in enumerate(values):
        answer = old_tank.record(str(value), hours=1 + 12 * number)
        assert answer.status_code == 201, answer.text
    at_day(6)  # the last two samples are of this day

    assert export() == [f"{MONTH:%Y-%m}-{day:02}" for day in range(1, 6)]
    assert export() == [], "a second time nothing is brought"
    assert answer_of(TOTAL) == [(10, sum(values[:10]), "brix", "home", "DEMO")]
    store = BucketStore(Bucket(object_store.place(bucket, "home")))
    cache = Cache(tmp_path / "cache", 1 << 20)
    assert sum(facts.rows for facts in find_parts(store, READER, cache)) == 10
    columns, _ = ask(store, [READER], cache, "SELECT * FROM samples LIMIT 1")
    assert "client_uuid" not in columns

    answer = old_tank.record("23.5", hours=2)  # it came late
    assert answer.status_code == 201, answer.text
    assert export() == [f"{MONTH:%Y-%m}-01"], "only the day that changed is written once more"
    assert answer_of("SELECT count(*) FROM samples") == [(11,)]

    stranger = Reader("home", (str(pyrage.x25519.Identity.generate()),), READER.verify_key)
    with pytest.raises(KeyRefused):
        ask(store, [stranger], Cache(tmp_path / "other", 1 << 20), TOTAL)
    forged = Reader("home", READER.identities, read_verify_key(make_signing_key()))
    for folder in ("cache", "third"):  # also when they were taken in for somebody else
        with pytest.raises(Damaged):
            ask(store, [forged], Cache(tmp_path / folder, 1 << 20), TOTAL)


def test_sealed_history_tells_nothing(
    export: Callable[..., list[str]], old_tank: Tank, object_store: ObjectStore, bucket: str
) -> None:
    """Neither the files nor the manifests beside them."""
    assert old_tank.record("24.0", hours=1).status_code == 201
    assert export() == [f"{MONTH:%Y-%m}"]
    owner = Bucket(object_store.place(bucket, "admin"))
    objects = {one.key: owner.read(one.key, version=one.version)[0] for one in owner.versions("")}
    assert sorted(key.rpartition(".")[2] for key in objects) == ["age", "json"]
    words = [b"DEMO", b"26-OLD-01", b"T-01", b"EC-1118", b"brix", b"sugar", b"24.0", b"PAR1"]
    assert [(key, word) for key, data in objects.items() for word in words if word in data] == []


def test_a_closed_month_becomes_one_file_and_a_correction_rewrites_it(
    export: Callable[..., list[str]],
    old_tank: Tank,
    at_day: Callable[[int], None],
    answer_of: Callable[[str], list[tuple[Any, ...]]],
    object_store: ObjectStore,
    bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Days, then their month, then the month once more: each time the whole truth, counted once."""
    wrong = [
        old_tank.record(value, hours=24 * n).json["id"] for n, value in enumerate(("24.0", "22.0"))
    ]
    at_day(5)
    assert len(export()) == 2
    monkeypatch.undo()
    month = f"{MONTH:%Y-%m}"

    assert export() == [month]
    assert export() == []
    store = BucketStore(Bucket(object_store.place(bucket, "home")))
    cache = Cache(tmp_path / "fresh", 1 << 20)
    assert [part.period for part in find_parts(store, READER, cache)] == [month]
    assert answer_of("SELECT sum(value_typed::double) FROM samples") == [(46.0,)]

    fix = {"client_uuid": str(uuid4()), "value": "23.0", "unit": "brix", "reason": "typing_error"}
    answer = old_tank.api.post(f"/samples/{wrong[0]}/correct", fix)
    assert answer.status_code == 201, answer.text
    assert export() == [month], "its month is written once more"
    rows = answer_of("SELECT sample, value_typed, supersedes FROM samples ORDER BY sample")
    right = answer.json["id"]
    assert rows == [(wrong[0], "24.0", None), (wrong[1], "22.0", None), (right, "23.0", wrong[0])]
    standing = (
        "SELECT sum(value_typed::double) FROM samples s "
        "WHERE NOT EXISTS (SELECT 1 FROM samples WHERE supersedes = s.sample)"
    )
    assert answer_of(standing) == [(45.0,)]
    at_day(8)  # a clock that went back does not bring days again that are in the month
    assert old_tank.record("21.0", hours=50).status_code == 201
    assert export() == [month]
    assert answer_of("SELECT count(*) FROM samples") == [(4,)]


def test_a_question_reads_nothing_else(
    export: Callable[..., list[str]],
    old_tank: Tank,
    answer_of: Callable[[str], list[tuple[Any, ...]]],
    object_store: ObjectStore,
    bucket: str,
    tmp_path: Path,
) -> None:
    old_tank.record("24.0", hours=1)
    export("sse")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    store = BucketStore(Bucket(object_store.place(bucket, "home")))
    cache = Cache(tmp_path / "cache", 0)
    for question in (
        f"SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')",
        f"COPY samples TO '{tmp_path / 'out.csv'}'",
        "SET enable_external_access = true",
        "SELECT * FROM nothing",
    ):
        with pytest.raises(CouldNotRun, match="refused"):
            ask(store, [READER], cache, question)
    assert not (tmp_path / "out.csv").exists()
    assert ask(store, [READER], cache, "SELECT value_typed FROM samples")[1] == [("24.0",)]
