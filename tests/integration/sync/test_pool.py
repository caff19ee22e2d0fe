"""Sister wineries: each shares what it chose and no more, reads the others', and can neither touch nor imitate them."""

import csv
import hashlib
import io
import json
import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyrage
import pytest
from click.testing import CliRunner, Result
from flask import Flask

from backup.keys import KitFacts, Site, save_file, save_site, state_dir
from backup.manifest import ObjectFacts, make_signing_key, read_verify_key, sign
from backup.nas import adopt_nas
from backup.refusals import CouldNotRun, KeyRefused
from sync.cli import commands
from sync.configuration import sync_dir
from sync.copies_lane import CopiesLane
from sync.group import (
    Group,
    Sharing,
    found_group,
    join_group,
    need_group,
    read_group,
    save_sharing,
    tell_member,
)
from sync.health import assess_offsite
from sync.journal import Journal
from sync.notes import NUDGE, open_journal
from sync.patience import Pace
from sync.pool import FIELDS, PoolFacts, Pulled, pull, share, write_patterns
from sync.pushing import Pusher
from sync.reports import COPIES, CopiesReport, load_report
from sync.repository import BucketStore
from sync.storage import Bucket
from sync.troubles import AccessRefused, StoreTrouble
from tests.conftest import Winery
from tests.integration.browser import Browser
from tests.integration.conftest import Api
from tests.integration.historical_data.test_patterns import add_lot, run_wine
from tests.integration.sync.object_store import ObjectStore
from tests.unit.sync.test_waiting import REPOSITORY
from winery_appliance.core.clock import now
from winery_appliance.core.settings import Settings
from winery_appliance.historical_data.sister_patterns import find_material, read_sister_patterns

KEYS = {"home": make_signing_key(), "other": make_signing_key()}
TODAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
CHOSEN = ("varietal", "style", "vessel_size", "ferments", "days_to_dry")


def make_site(name: str) -> Site:
    kit = KitFacts(number=1, recipient=f"age1{name}", made_at=now(), canary_sha256="")
    return Site(
        site=name,
        nas="n",
        mounted=False,
        custody="strict",
        verify_key=read_verify_key(KEYS[name]),
        operational=None,
        kits=(kit,),
    )


def make_group() -> str:
    """The file of a group of `home` and `other`."""
    told = found_group("valley", "home", read_verify_key(KEYS["home"]))
    return f"# {tell_member('other', read_verify_key(KEYS['other']))}\n{told}"


GROUP = make_group()


class Sister:
    """An appliance of the group: its settings, its way to the bucket, and what it does there."""

    def __init__(self, settings: Settings, store: ObjectStore, bucket: str, name: str) -> None:
        self.settings, self.name = settings, name
        self.line = Bucket(store.place(bucket, name))
        self.journal = Journal(settings.data / "journal")
        save_site(settings, make_site(name))
        save_file(state_dir(settings) / "keys" / "signing", KEYS[name])

    def share(self, sharing: Sharing, group: Group | None = None) -> date | None:
        pusher = Pusher(self.line, self.journal, Pace(0))
        return share(
            self.settings,
            make_site(self.name),
            KEYS[self.name],
            group or read_group(GROUP),
            sharing,
            self.journal,
            pusher,
        )

    def pull(self, group: Group | None = None) -> list[Pulled]:
        store = BucketStore(self.line)
        return pull(
            self.settings, self.name, group or read_group(GROUP), Sharing(winery="DEMO"), store
        )

    def put(self, rows: list[dict[str, Any]], day: date, *, signer: str | None = None) -> None:
        """Patterns of any kind in the pool, as this site would bring them."""
        group = read_group(GROUP)
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        data = write_patterns(self.settings, lines, list(rows[0]))
        sealed = pyrage.encrypt(data, [pyrage.x25519.Recipient.from_str(group.recipient)])
        self.put_file(data, sealed, day, len(rows), signer=signer)

    def put_file(
        self, data: bytes, sealed: bytes, day: date, rows: int, *, signer: str | None = None
    ) -> None:
        stem = f"v1/pool/valley/{self.name}/patterns-{day}"
        facts = PoolFacts(
            place=f"{stem}.json",
            group="valley",
            site=self.name,
            day=day,
            schema_version=1,
            rows=rows,
            written_at=now(),
            content=ObjectFacts(
                name=f"patterns-{day}.parquet.age",
                size=len(sealed),
                sha256=hashlib.sha256(sealed).hexdigest(),
                plain_size=len(data),
                plain_sha256=hashlib.sha256(data).hexdigest(),
            ),
        )
        self.line.put(f"{stem}.parquet.age", sealed)
        self.line.put(facts.place, sign(facts, signer or KEYS[self.name]))

    def run(self, *arguments: str, typed: str | None = None) -> Result:
        """The command `winery-sync`, with what it raises."""
        place = self.line.place
        environment = {
            "WINERY_DATA": str(self.settings.data),
            "WINERY_DATABASE_URL": self.settings.database_url.get_secret_value(),
            "WINERY_SECRETS": str(self.settings.secrets_dir),
            "WINERY_OFFSITE": f"s3://{place.bucket}",
            "WINERY_OFFSITE_ENDPOINT": str(place.endpoint),
            "WINERY_OFFSITE_CREDENTIALS": str(place.credentials),
        }
        return CliRunner().invoke(commands, list(arguments), env=environment, input=typed)


@pytest.fixture
def make_sister(
    object_store: ObjectStore, bucket: str, book: Winery, tmp_path: Path
) -> Callable[[str], Sister]:
    """An appliance of the group, over the one book of this test."""

    def make(name: str) -> Sister:
        data = tmp_path / name
        data.mkdir()
        update = {"data": data, "secrets": book.settings.secrets_dir}
        return Sister(book.settings.model_copy(update=update), object_store, bucket, name)

    return make


@pytest.fixture
def home(make_sister: Callable[[str], Sister]) -> Sister:
    return make_sister("home")


@pytest.fixture
def other(make_sister: Callable[[str], Sister]) -> Sister:
    return make_sister("other")


@pytest.fixture
def api(sign_in_api: Callable[[str], Api]) -> Api:
    return sign_in_api("ana")


@pytest.fixture
def patterns(api: Api, work_off: Callable[[], int]) -> None:
    """A pattern of five ferments of Tempranillo, and one of a single ferment of Graciano."""
    add_lot(api, "L1", "Tempranillo")
    add_lot(api, "L2", "Graciano")
    wines = [run_wine(api, f"W{n}", days=3 + n / 2, lot="L1") for n in range(5)]
    wines.append(run_wine(api, "W9", days=3, lot="L2"))
    for wine in wines:
        assert api.post(f"/fermentations/{wine}/complete", {}).status_code == 200
    work_off()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Let the pool believe that it is this moment."""
    return lambda moment: monkeypatch.setattr("sync.pool.now", lambda: moment)


@pytest.mark.usefixtures("patterns")
def test_what_was_chosen_is_shared_and_stands_beside_the_others_patterns(
    home: Sister, other: Sister, at: Callable[[datetime], None], api: Api
) -> None:
    at(TODAY)
    assert home.share(Sharing(winery="DEMO")) is None, "nothing is chosen, so nothing leaves"
    assert home.share(Sharing(winery="OTHER", fields=CHOSEN)) is None, (
        "another winery's are not ours"
    )
    assert home.share(Sharing(winery="DEMO", fields=CHOSEN)) == TODAY.date()

    assert other.pull() == [Pulled("home", TODAY.date(), 1)]
    (told,) = read_sister_patterns(other.settings, "DEMO")
    assert (told.site, told.varietal, told.style, told.ferments) == (
        "home",
        "Tempranillo",
        "red",
        5,
    )
    shown = {one["varietal"]: one for one in api.get("/patterns").json["items"]}
    assert list(told.days_to_dry) == shown["Tempranillo"]["days_to_dry"]
    assert told.fastest == (None,) * 5, "what was not chosen did not come"
    assert read_sister_patterns(other.settings, "ELSEWHERE") == [], "it is one winery's matter"

    (file,) = (other.settings.data / "sync" / "pool").rglob("*.parquet")
    columns = duckdb.sql(f"SELECT * FROM '{file}'").columns
    assert columns == [
        "varietal",
        "style",
        "vessel_size",
        "ferments",
        "days_to_dry",
        "site",
        "told_on",
    ]
    assert file.stat().st_mode & 0o77 == 0


@pytest.mark.usefixtures("patterns")
def test_nothing_in_the_pool_can_be_read_without_the_groups_key(
    home: Sister, at: Callable[[datetime], None], object_store: ObjectStore
) -> None:
    at(TODAY)
    home.share(Sharing(winery="DEMO", fields=tuple(FIELDS)))
    owner = Bucket(object_store.place(home.line.place.bucket, "admin"))
    objects = {one.key: owner.read(one.key, version=one.version)[0] for one in owner.versions("")}
    assert sorted(key.rpartition("/")[2] for key in objects) == [
        "patterns-2026-11-20.json",
        "patterns-2026-11-20.parquet.age",
    ]
    words = [b"Tempranillo", b"DEMO", b"PAR1", b"days_to_dry", b"up_to_", b"EC-1118"]
    assert [(key, word) for key, data in objects.items() for word in words if word in data] == []
    sealed = objects["v1/pool/valley/home/patterns-2026-11-20.parquet.age"]
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed, [pyrage.x25519.Identity.generate()])
    opened = pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(read_group(GROUP).identity)])
    assert b"Tempranillo" in opened
    assert b"Graciano" not in opened, "a pattern of one ferment would tell of one wine"


@pytest.mark.usefixtures("patterns")
def test_it_goes_when_it_changed_and_once_a_day(
    home: Sister, at: Callable[[datetime], None]
) -> None:
    few, more = Sharing(winery="DEMO", fields=CHOSEN), Sharing(winery="DEMO", fields=tuple(FIELDS))
    at(TODAY)
    assert home.share(few)
    assert home.share(more) is None, "tomorrow"
    at(TODAY + timedelta(days=1))
    assert home.share(few) is None, "nothing changed"
    assert home.share(more) == date(2026, 11, 21)
    at(TODAY - timedelta(days=3))
    assert home.share(few) is None, "a clock that went back shares nothing twice"
    at(TODAY + timedelta(days=250))
    assert home.share(more), "renewed before the bucket lets the newest go"
    at(TODAY + timedelta(days=250))
    moved = read_group(found_group("hills", "home", read_verify_key(KEYS["home"])))
    with pytest.raises(AccessRefused):  # these credentials are of another group
        home.share(more, moved)


def test_each_writes_its_own_part_and_deletes_nothing(
    home: Sister, other: Sister, object_store: ObjectStore
) -> None:
    """Own prefix and the pool, and of the pool only one's own part can be written."""
    day = TODAY.date()
    other.put([{"varietal": "Bobal"}], day)
    key = f"v1/pool/valley/other/patterns-{day}.json"
    assert home.line.read(key)[0]
    assert home.line.names("v1/pool/valley") == ["other"]
    found = home.line.head(key)
    assert found is not None
    paper = Bucket(object_store.place(home.line.place.bucket, "paper"))
    refused: list[Callable[[], Any]] = [
        lambda: home.line.put("v1/pool/valley/other/patterns-2026-12-01.json", b"forged"),
        lambda: home.line.put(key, b"forged", replace=True),
        lambda: home.line.put("v1/pool/hills/home/patterns-2026-12-01.json", b""),
        lambda: home.line.names("v1/pool"),
        lambda: home.line.names("v1/pool/hills"),
        lambda: home.line.names("v1/sites"),
        lambda: home.line.read("v1/sites/other/repos/one/repo.json"),
        lambda: home.line.names("v1/history/table=samples/site=other"),
        lambda: paper.read(key),
    ]
    for attempt in refused:
        with pytest.raises(AccessRefused):
            attempt()
    for who in (home, other):
        for more in ({}, {"VersionId": found.version}):
            with pytest.raises(StoreTrouble):
                who.line.call("delete_object", Key=key, **more)
    assert [one.is_deletion for one in home.line.versions(key)] == [False]


def test_what_is_forged_or_damaged_is_told_and_what_came_before_stays(
    home: Sister, other: Sister
) -> None:
    day = TODAY.date()
    rows = [{"varietal": "Bobal", "style": "red", "ferments": 7}]
    other.put(rows, day)
    assert home.pull() == [Pulled("other", day, 1)]

    def refused(words: str) -> None:
        (told,) = home.pull()
        assert words in (told.trouble or ""), told
        assert [one.told_on for one in read_sister_patterns(home.settings, "DEMO")] == [day]

    other.put(rows, day + timedelta(days=1), signer=make_signing_key())
    refused("not signed by this appliance")
    other.put_file(b"no parquet", _seal(b"no parquet"), day + timedelta(days=2), 1)
    refused("cannot be read")
    other.put_file(b"", b"not sealed at all", day + timedelta(days=3), 1)
    refused("does not open it")
    other.put([{"days_to_dry": [1.0, 2.0]}], day + timedelta(days=4))
    refused("cannot be read")
    data = write_patterns(other.settings, '{"varietal": "Bobal"}\n', ["varietal"])
    other.put_file(data, _seal(data), day + timedelta(days=5), 2)
    refused("2 patterns, and there are 1")
    manifest = f"v1/pool/valley/other/patterns-{day}.json"
    other.line.put(manifest.replace(f"{day}", "2026-12-24"), other.line.read(manifest)[0])
    refused("belongs to")
    other.put([*rows, {"varietal": "Airén", "style": "white", "ferments": 9}], date(2026, 12, 30))
    assert home.pull() == [Pulled("other", date(2026, 12, 30), 2)]
    alone = read_group(found_group("valley", "home", read_verify_key(KEYS["home"])))
    assert home.pull(alone) == []
    assert read_sister_patterns(home.settings, "DEMO") == [], "who left is forgotten"


def _seal(data: bytes) -> bytes:
    recipient = pyrage.x25519.Recipient.from_str(read_group(GROUP).recipient)
    return bytes(pyrage.encrypt(data, [recipient]))


@pytest.mark.usefixtures("patterns")
def test_the_copies_lane_exchanges_patterns_by_itself(home: Sister, other: Sister) -> None:
    """Behind everything else, and what is wrong with it hinders nothing else: it is told, and goes when it is mended."""
    nas = home.settings.data / "nas"
    nas.mkdir()
    number = adopt_nas(nas, plain_folder=True)
    save_site(home.settings, make_site("home").model_copy(update={"nas": number}))
    place = home.line.place
    offsite = {
        "offsite": f"s3://{place.bucket}",
        "offsite_endpoint": place.endpoint,
        "offsite_credentials": place.credentials,
        "offsite_history": "off",
    }
    settings = home.settings.model_copy(update=offsite)
    notes = open_journal(settings)
    join_group(settings, GROUP, "home", "DEMO")
    save_sharing(settings, Sharing(winery="DEMO", fields=CHOSEN))

    lane = CopiesLane(settings, REPOSITORY)

    def turn() -> CopiesReport:
        """One that somebody asked for: by itself the next exchange is hours away."""
        notes.set_note(NUDGE, secrets.token_hex(4))
        lane.turn()
        report = load_report(settings, COPIES, CopiesReport)
        assert report is not None
        return report

    report = turn()
    assert (report.shared_day, report.pool_trouble, report.trouble) == (now().date(), None, None)
    assert other.pull() == [Pulled("home", now().date(), 1)]

    other.put([{"varietal": "Bobal"}], TODAY.date(), signer=make_signing_key())
    report = turn()
    assert report.trouble is None
    assert "not signed by them, and was not taken in: other" in str(report.pool_trouble.words)  # type: ignore[union-attr]
    (finding,) = (one for one in assess_offsite(settings, now()).findings if one.name == "pool")
    assert finding.level == "amber"
    save_file(sync_dir(settings) / "group.txt", GROUP.replace("valley", "hills"))
    report = turn()
    assert report.trouble is None, "a pool that is closed to us stops no copies"
    assert "refuses these credentials" in str(report.pool_trouble.words)  # type: ignore[union-attr]
    save_file(sync_dir(settings) / "group.txt", GROUP)
    other.put([{"varietal": "Bobal"}], TODAY.date() + timedelta(days=1))
    assert turn().pool_trouble is None
    assert [one.site for one in read_sister_patterns(settings, "DEMO")] == ["other"]


def test_a_groups_file_is_taken_whole_or_not_at_all(home: Sister) -> None:
    group = read_group(GROUP)
    assert (group.name, set(group.members)) == ("valley", {"home", "other"})
    for wrong in (
        GROUP.replace("# group: valley", "# group: ../valley"),
        GROUP.replace("member: other", "member: ../other"),
        GROUP.replace("member: other", "member: home"),
        GROUP.replace("member: other ed25519:", "member: other ed25519:short"),
        "",
    ):
        with pytest.raises(CouldNotRun, match="not taken"):
            read_group(wrong)
    with pytest.raises(KeyRefused):
        read_group(GROUP[:-5])
    with pytest.raises(CouldNotRun, match="does not name stranger yet"):
        join_group(home.settings, GROUP, "stranger", "DEMO")
    with pytest.raises(CouldNotRun, match="in no group"):
        need_group(home.settings)


@pytest.mark.usefixtures("patterns")
def test_the_commands_and_the_pages(
    home: Sister,
    other: Sister,
    book: Winery,
    tmp_path: Path,
    enter: Callable[[str], Browser],
    app: Flask,
    api: Api,
) -> None:
    file = tmp_path / "group.txt"
    assert "is written" in home.run("group", "found", "valley", str(file)).output
    assert file.stat().st_mode & 0o77 == 0
    again = home.run("group", "found", "valley", str(file))
    assert "could not be written" in str(again.exception)
    line = other.run("group", "line").output
    assert line.startswith("# member: other ed25519:")
    file.write_text(line + file.read_text())

    several = home.run("group", "join", str(file))
    assert "--winery" in str(several.exception), "there are two wineries on this appliance"
    assert home.run("group", "join", str(file), "--winery", "demo").exit_code == 0
    joined = other.run("group", "join", "-", "--winery", "DEMO", typed=file.read_text())
    assert joined.output.startswith("In the group valley with: home.")
    assert "nothing" in home.run("group", "share").output
    assert home.run("group", "share", "client_uuid").exit_code == 2
    home.run("group", "share", *CHOSEN)
    rows = list(csv.DictReader(io.StringIO(home.run("group", "share", "--show").output)))
    assert [(row["varietal"], row["ferments"]) for row in rows] == [("Tempranillo", "5")]
    assert set(rows[0]) == set(CHOSEN)
    told = json.loads(home.run("group", "show", "--json").output)
    assert told == {
        "group": "valley",
        "members": ["other", "home"],
        "winery": "DEMO",
        "fields": [*CHOSEN],
    }
    home.run("group", "join", str(file), "--winery", "DEMO")
    assert json.loads(home.run("group", "show", "--json").output) == told, "the choice stays"

    assert other.run("history", "pull").output == "home: shares nothing yet\n"
    group, sharing = need_group(home.settings)
    day = home.share(sharing, group)
    assert other.run("history", "pull").output == f"home: 1 patterns of {day}\n"
    asked = "SELECT site, varietal, len(days_to_dry) AS figures FROM sister_patterns"
    answer = other.run("history", "query", asked)
    assert answer.output.splitlines() == ["site,varietal,figures", "home,Tempranillo,5"]

    seen = book.settings.model_copy(update={"copies": other.settings.data})
    app.extensions["winery_settings"] = seen
    ana = enter("ana").client
    assert "At sister wineries" in ana.get("/history/patterns").text
    (pattern,) = (
        one for one in api.get("/patterns").json["items"] if one["varietal"] == "Tempranillo"
    )
    assert "At sister wineries" in ana.get(f"/history/patterns/{pattern['id']}").text
    assert "At sister wineries" not in enter("carla").client.get("/history/patterns").text

    assert other.run("group", "leave").exit_code == 0
    assert not find_material(other.settings).exists()
    assert other.run("group", "show").output == "In no group of sister wineries.\n"
    assert "nothing" in home.run("group", "share", "--nothing").output
    assert home.share(need_group(home.settings)[1]) is None
