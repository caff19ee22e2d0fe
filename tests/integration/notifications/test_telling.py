"""An alarm reaches who is to know: by mail, by webhook, once, and not before its time."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api, Tank
from tests.integration.notifications.conftest import PostOffice
from winery_appliance.core import clock
from winery_appliance.notifications.periodic import escalate_untaken, queue_summary

pytestmark = pytest.mark.usefixtures("mail_is_set_up")
MARCO = "marco@demo.winery"
ANA = "ana@demo.winery"


@pytest.fixture
def heat(tank: Tank, work_off: Callable[[], int]) -> Callable[[float], None]:
    """Let the tank get too warm: two readings, judged."""

    def rise(celsius: float) -> None:
        for hours in (200.0, 201.0):
            sent = tank.record(
                f"{celsius}",
                hours=hours + celsius / 100,
                sample_type="temperature",
                unit="celsius",
                confirm=True,
            )
            assert sent.status_code == 201, sent.text
        work_off()

    return rise


@pytest.fixture
def at_any_hour(sign_in_api: Callable[[str], Api]) -> None:
    """Nobody has quiet hours: what these tests see must not hang on when they run."""
    api = sign_in_api("ana")
    for role, severity in (("owner", "critical"), ("winemaker", "warning")):
        body = {"role": role, "severity": severity, "escalation": role == "owner"}
        body |= {"daily_summary": True}
        assert api.call("PUT", "/notification-rules", body).status_code == 200


def read_notices(book: Winery, cast: Cast) -> list[Any]:
    with book.app.transaction(cast.ana.winery_id) as session:
        return list(session.execute(text("SELECT * FROM notices ORDER BY id")))


def shift(book: Winery, cast: Cast, column: str, by: timedelta) -> None:
    """Let time pass for what is queued."""
    with book.worker.transaction(cast.ana.winery_id) as session:
        session.execute(text(f"UPDATE notices SET {column} = {column} - :by"), {"by": by})


@pytest.mark.usefixtures("at_any_hour")
def test_an_alarm_reaches_the_winemaker_with_what_why_and_where(
    heat: Callable[[float], None], deliver: Callable[[], int], post_office: PostOffice
) -> None:
    heat(31.0)
    assert deliver() == 1
    (to, mail) = post_office.mails[0]
    assert to == [MARCO]
    assert "T-01" in mail["Subject"]
    assert mail["Auto-Submitted"] == "auto-generated"
    body = mail.get_content()
    assert "26-TEM-01" in body
    assert "https://winery.home.arpa/anomalies/" in body
    assert deliver() == 0, "nobody is told twice"


@pytest.mark.usefixtures("at_any_hour")
def test_what_gets_graver_is_told_again_and_to_more_people(
    heat: Callable[[float], None], deliver: Callable[[], int], post_office: PostOffice
) -> None:
    heat(31.0)
    deliver()
    heat(35.0)
    deliver()
    assert any("ACT NOW" in subject for subject in post_office.subjects(ANA))
    assert len(post_office.subjects(MARCO)) == 2


@pytest.mark.usefixtures("at_any_hour")
def test_a_mail_server_that_is_away_loses_nothing_and_gets_the_same_mail_later(
    book: Winery,
    cast: Cast,
    set_up: Callable[..., None],
    heat: Callable[[float], None],
    deliver: Callable[[], int],
    post_office: PostOffice,
) -> None:
    set_up(smtp_port=1)  # nobody listens there
    heat(31.0)
    assert deliver() == 0
    (notice,) = read_notices(book, cast)
    assert (notice.attempts, notice.sent_at) == (1, None)
    assert "127.0.0.1:1" in notice.last_error
    assert deliver() == 0, "not at once again"
    assert read_notices(book, cast)[0].attempts == 1
    set_up(smtp_port=post_office.port)
    shift(book, cast, "send_after", timedelta(minutes=1))
    assert deliver() == 1
    assert len(post_office.mails) == 1


@pytest.mark.usefixtures("at_any_hour")
def test_one_address_that_is_refused_holds_nobody_else_up(
    book: Winery,
    cast: Cast,
    heat: Callable[[float], None],
    deliver: Callable[[], int],
    post_office: PostOffice,
) -> None:
    post_office.refuse[ANA] = "550 no such mailbox"
    heat(35.0)
    deliver()
    assert len(post_office.subjects(MARCO)) == 1
    waiting = [notice for notice in read_notices(book, cast) if notice.sent_at is None]
    assert [notice.user_id for notice in waiting] == [cast.ana.user_id]
    assert "550 no such mailbox" in waiting[0].last_error


@pytest.mark.usefixtures("at_any_hour")
def test_what_can_wait_comes_with_the_next_mail(
    book: Winery,
    cast: Cast,
    tank: Tank,
    heat: Callable[[float], None],
    deliver: Callable[[], int],
    post_office: PostOffice,
    work_off: Callable[[], int],
) -> None:
    heat(31.0)
    deliver()
    assert len(post_office.subjects(MARCO)) == 1
    tank.record("24.0", hours=100)
    tank.record("26.5", hours=110, confirm=True)  # sugar does not rise by itself
    work_off()
    waiting = [notice for notice in read_notices(book, cast) if notice.sent_at is None]
    assert {notice.severity for notice in waiting} == {"warning"}, "the second alarm is queued"
    assert deliver() == 0
    shift(book, cast, "sent_at", timedelta(minutes=16))
    assert deliver() == len(waiting)
    assert len(post_office.subjects(MARCO)) == 2


@pytest.mark.usefixtures("at_any_hour")
def test_what_was_over_before_it_could_be_told_is_not_told(
    book: Winery,
    cast: Cast,
    tank: Tank,
    heat: Callable[[float], None],
    deliver: Callable[[], int],
    post_office: PostOffice,
    work_off: Callable[[], int],
) -> None:
    heat(31.0)
    for hours in (210.0, 211.0, 212.0):
        tank.record("24", hours=hours, sample_type="temperature", unit="celsius", confirm=True)
    work_off()
    assert deliver() == 0
    assert post_office.mails == []
    assert "over before" in read_notices(book, cast)[0].dropped_because


def test_the_night_is_quiet_but_for_what_cannot_wait(
    book: Winery,
    cast: Cast,
    sign_in_api: Callable[[str], Api],
    heat: Callable[[float], None],
) -> None:
    local = clock.now()
    rule = {
        "severity": "warning",
        "quiet_from": f"{local - timedelta(hours=1):%H:%M}",
        "quiet_until": f"{local + timedelta(hours=2):%H:%M}",
    }
    assert sign_in_api("marco").call("PUT", "/account/notification-rule", rule).status_code == 200
    heat(31.0)
    heat(35.0)
    mine = [n for n in read_notices(book, cast) if n.user_id == cast.marco.user_id]
    assert [(n.severity, n.send_after > clock.now()) for n in mine] == [
        ("warning", True),
        ("critical", False),
    ]


@pytest.mark.usefixtures("at_any_hour")
def test_what_nobody_takes_goes_to_the_owner_and_what_is_taken_does_not(
    book: Winery,
    cast: Cast,
    heat: Callable[[float], None],
    deliver: Callable[[], int],
    post_office: PostOffice,
    sign_in_api: Callable[[str], Api],
) -> None:
    heat(35.0)
    deliver()
    later = clock.now() + timedelta(minutes=61)

    def escalate() -> None:
        with book.worker.transaction(cast.ana.winery_id) as session:
            escalate_untaken(session, cast.ana.winery_id, now=later)
        shift(book, cast, "send_after", timedelta(minutes=62))

    escalate()
    deliver()
    assert [s for s in post_office.subjects(ANA) if s.startswith("[ACT NOW] Nobody has it")]
    told = len(post_office.mails)
    escalate()
    deliver()
    assert len(post_office.mails) == told, "once"
    alarm = sign_in_api("marco").get("/anomalies").json["items"][0]
    took = sign_in_api("marco").call(
        "POST", f"/anomalies/{alarm['id']}/acknowledge", {}, **{"If-Match": "*"}
    )
    assert took.status_code == 200, took.text
    with book.worker.transaction(cast.ana.winery_id) as session:
        late = clock.now() + timedelta(days=2)
        assert escalate_untaken(session, cast.ana.winery_id, now=late) == 0


@pytest.mark.usefixtures("at_any_hour")
def test_the_summary_goes_out_once_a_day_when_its_hour_has_come(
    book: Winery,
    cast: Cast,
    set_up: Callable[..., None],
    tank: Tank,
    deliver: Callable[[], int],
    post_office: PostOffice,
) -> None:
    tank.record("18.4", hours=230)
    now = clock.now()
    set_up(summary_at=f"{now:%H:%M}")
    for expected in (2, 0):
        with book.worker.transaction(cast.ana.winery_id) as session:
            assert queue_summary(session, cast.ana.winery_id, now=now) == expected
    assert deliver() == 2
    bodies = [mail.get_content() for _, mail in post_office.mails]
    assert all("T-01 26-TEM-01" in body and "18.4" in body for body in bodies)
    with book.worker.transaction(cast.ana.winery_id) as session:
        early = now - timedelta(days=1, minutes=5)
        assert queue_summary(session, cast.ana.winery_id, now=early) == 0


def test_names_that_people_type_begin_no_header_of_their_own(
    book: Winery,
    cast: Cast,
    sign_in_api: Callable[[str], Api],
    deliver: Callable[[], int],
    post_office: PostOffice,
) -> None:
    api = sign_in_api("ana")
    named = {"name": 'Bodega "X" <evil@x.y>, Bcc: z@x.y'}
    assert api.call("PATCH", "/winery", named, **{"If-Match": "*"}).status_code == 200
    with book.app.transaction(cast.ana.winery_id) as session:
        session.execute(text("UPDATE wineries SET name = E'A\\r\\nBcc: spy@x.y'"))
    assert api.post("/notifications/test", {}).status_code == 202
    assert deliver() == 1
    (to, mail) = post_office.mails[0]
    assert to == [ANA]
    assert mail["Bcc"] is None
    assert "This is a test" in mail.get_content()


def test_the_other_winery_is_told_nothing(
    sign_in_api: Callable[[str], Api], deliver: Callable[[], int], post_office: PostOffice
) -> None:
    carla = sign_in_api("carla")
    assert carla.get("/notification-settings").json["smtp_host"] is None
    assert carla.post("/notifications/test", {}).status_code == 202
    assert deliver() == 0
    assert post_office.mails == []
    (dropped,) = carla.get("/notifications").json["items"]
    assert dropped["dropped_because"] == "No mail server is named."
