"""Delivering what waits: read in one transaction, sent in none, noted in another.

Whoever is killed between sending and noting sends the same mail again, with the same Message-ID: better twice than never.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.anomaly_queries import find_anomalies
from winery_appliance.core import clock, sealing
from winery_appliance.core.db import Database
from winery_appliance.core.errors import AppError
from winery_appliance.core.figures import show_codes
from winery_appliance.core.settings import Settings, SettingsError
from winery_appliance.core.words import speaking
from winery_appliance.fermentation.queries import find_fermentations
from winery_appliance.notifications import web_call
from winery_appliance.notifications.mail_server import MailRefused, MailServer, MailServerAway
from winery_appliance.notifications.message import House, Told, write_call, write_mail
from winery_appliance.notifications.models import Notice, NotificationSettings, Webhook
from winery_appliance.notifications.planning import Recipient, find_retry
from winery_appliance.notifications.queries import list_recipients
from winery_appliance.notifications.summary import DaySummary, read_summary
from winery_appliance.winery.queries import read_winery

log = structlog.get_logger("winery.notifications")

BATCH = 500
URGENT = frozenset({"escalated", "assigned", "summary", "test"})


@dataclass(frozen=True)
class Parcel:
    """What waits for one person or one program."""

    notices: list[Notice]
    told: list[Told]


@dataclass(frozen=True)
class Post:
    """Everything of one winery that is to leave the house now."""

    house: House
    server: NotificationSettings | None
    mails: list[tuple[Recipient, Parcel]]
    calls: list[tuple[Webhook, Parcel]]
    summary: DaySummary | None


def deliver_due(db: Database, settings: Settings) -> int:
    """Deliver what is due in every winery; how many notices were delivered. One process at a time does it for a winery."""
    with db.transaction() as session:
        due = session.scalars(text("SELECT winery_id FROM door_find_due_notices()")).all()
    sent = 0
    for winery_id in due:
        with db.advisory_lock(f"notices/{winery_id}") as mine:
            if mine:
                with db.transaction(winery_id) as session:
                    post = _load(session, clock.now())
                sent += _send_mails(db, settings, winery_id, post)
                sent += _send_calls(db, settings, winery_id, post)
    return sent


def _load(session: Session, now: datetime) -> Post:
    notices = session.scalars(
        select(Notice)
        .where(Notice.sent_at.is_(None), Notice.dropped_at.is_(None), Notice.send_after <= now)
        .order_by(Notice.id)
        .limit(BATCH)
    ).all()
    winery = read_winery(session)
    server = session.scalar(select(NotificationSettings))
    house = House(
        winery.code,
        winery.name,
        ZoneInfo(winery.time_zone),
        (server.sender if server else None) or "",
        server.base_url if server else None,
        winery.language,
    )
    told = _find_told(session, notices, now)
    waiting = _drop_what_is_over(notices, told, now)
    mails = _pack_mails(session, [n for n in waiting if n.user_id is not None], told, server, now)
    calls = _pack_calls(session, [n for n in waiting if n.webhook_id is not None], told, now)
    needs_summary = any(n.kind == "summary" for _, parcel in mails for n in parcel.notices)
    with speaking(winery.language):
        summary = read_summary(session, now=now) if needs_summary else None
    return Post(house, server, mails, calls, summary)


def _pack_mails(
    session: Session,
    waiting: Sequence[Notice],
    told: dict[int, Told],
    server: NotificationSettings | None,
    now: datetime,
) -> list[tuple[Recipient, Parcel]]:
    if server is None or server.smtp_host is None:
        _drop(waiting, now, "No mail server is named.")
        return []
    people = {person.user_id: person for person in list_recipients(session)}
    mails = []
    for user_id, mine in _group(waiting, "user_id").items():
        if user_id not in people:
            _drop(mine, now, "There is no address to write to.")
        elif _is_ready(session, user_id, mine, server.digest_minutes, now):
            mails.append((people[user_id], _pack(mine, told)))
    return mails


def _pack_calls(
    session: Session, waiting: Sequence[Notice], told: dict[int, Told], now: datetime
) -> list[tuple[Webhook, Parcel]]:
    living = {
        row.id: row for row in session.scalars(select(Webhook).where(Webhook.deleted_at.is_(None)))
    }
    calls = []
    for webhook_id, mine in _group(waiting, "webhook_id").items():
        if webhook_id in living:
            calls.append((living[webhook_id], _pack(mine, told)))
        else:
            _drop(mine, now, "The webhook was deleted.")
    return calls


def _group(notices: Sequence[Notice], by: str) -> dict[int, list[Notice]]:
    grouped: dict[int, list[Notice]] = defaultdict(list)
    for notice in notices:
        grouped[getattr(notice, by)].append(notice)
    return grouped


def _find_told(session: Session, notices: Sequence[Notice], now: datetime) -> dict[int, Told]:
    """Of each notice about an alarm: the alarm as it stands now."""
    wanted = {notice.anomaly_id for notice in notices if notice.anomaly_id is not None}
    alarms = {view.id: view for view in find_anomalies(session, sorted(wanted), now=now)}
    wines = find_fermentations(session, sorted({v.fermentation_id for v in alarms.values()}))
    told = {}
    for notice in notices:
        alarm = alarms.get(notice.anomaly_id or 0)
        if alarm is not None:
            wine = wines.get(alarm.fermentation_id)
            code = wine.code if wine else "?"
            where = (show_codes(wine.vessel_codes) if wine else "") or code
            told[notice.id] = Told(notice.id, notice.kind, alarm, where, code)
    return told


def _drop_what_is_over(
    notices: Sequence[Notice], told: dict[int, Told], now: datetime
) -> list[Notice]:
    """What is still worth telling: people are not told of what is over, nor that nobody has what somebody took."""
    kept = []
    for notice in notices:
        alarm = told[notice.id].alarm if notice.id in told else None
        over = notice.anomaly_id is not None and (alarm is None or alarm.status == "cleared")
        taken = notice.kind == "escalated" and alarm is not None and alarm.status != "open"
        if over and notice.user_id is not None:
            _drop([notice], now, "It was over before it was told.")
        elif taken:
            _drop([notice], now, "Somebody took it.")
        elif notice.anomaly_id is not None and alarm is None:
            _drop([notice], now, "The alarm is gone.")
        else:
            kept.append(notice)
    return kept


def _drop(notices: Sequence[Notice], now: datetime, why: str) -> None:
    for notice in notices:
        notice.dropped_at, notice.dropped_because = now, why


def _is_ready(
    session: Session, user_id: int, waiting: Sequence[Notice], digest_minutes: int, now: datetime
) -> bool:
    """Whether this person is written to now: at once for what is urgent, else not sooner than the digest allows."""
    if any(n.severity == "critical" or n.kind in URGENT for n in waiting):
        return True
    last = session.scalar(select(func.max(Notice.sent_at)).where(Notice.user_id == user_id))
    return last is None or last + timedelta(minutes=digest_minutes) <= now


def _pack(notices: list[Notice], told: dict[int, Told]) -> Parcel:
    return Parcel(notices, [told[n.id] for n in notices if n.id in told])


def _send_mails(db: Database, settings: Settings, winery_id: int, post: Post) -> int:
    if not post.mails:
        return 0
    sent, failed = 0, dict[int, str]()
    left = list(post.mails)
    try:
        with _open_server(settings, post).connect() as server:
            while left:
                person, parcel = left[0]
                try:
                    server.send(_write(post, person, parcel))
                except (MailRefused, ValueError) as error:
                    failed |= {notice.id: str(error) for notice in parcel.notices}
                else:
                    _note_sent(db, winery_id, parcel)
                    sent += len(parcel.notices)
                left.pop(0)
    except (MailServerAway, AppError, SettingsError) as error:
        failed |= {notice.id: str(error) for _, parcel in left for notice in parcel.notices}
    _postpone(db, winery_id, failed)
    return sent


def _open_server(settings: Settings, post: Post) -> MailServer:
    row = post.server
    assert row is not None
    sealed = row.smtp_password_sealed
    password = sealing.unseal(settings, sealed) if sealed is not None else None
    return MailServer(
        row.smtp_host or "", row.smtp_port, row.smtp_security, row.smtp_username, password
    )


def _write(post: Post, person: Recipient, parcel: Parcel) -> EmailMessage:
    kinds = [notice.kind for notice in parcel.notices]
    with speaking(post.house.language):
        return write_mail(
            post.house,
            (person.name, person.email),
            parcel.told,
            now=clock.now(),
            key=",".join(str(notice.id) for notice in parcel.notices),
            tests=kinds.count("test"),
            summary=post.summary if "summary" in kinds else None,
        )


def _send_calls(db: Database, settings: Settings, winery_id: int, post: Post) -> int:
    sent, failed = 0, dict[int, str]()
    for webhook, parcel in post.calls:
        about = {told.notice_id: told for told in parcel.told}
        left = list(parcel.notices)
        try:
            key = sealing.unseal(settings, webhook.signing_secret_sealed)
            while left:
                notice = left[0]
                body = write_call(
                    post.house, about.get(notice.id), notice_id=notice.id, at=notice.created_at
                )
                call = web_call.Call(webhook.url, webhook.inside_address, key, body)
                web_call.send(call, moment_s=int(clock.now().timestamp()))
                _note_sent(db, winery_id, Parcel([notice], []))
                sent += 1
                left.pop(0)
        except (web_call.CallRefused, web_call.CallFailed, AppError, SettingsError) as error:
            # One that does not answer is asked once a round, not once a notice.
            failed |= {notice.id: str(error) for notice in left}
    _postpone(db, winery_id, failed)
    return sent


def _note_sent(db: Database, winery_id: int, parcel: Parcel) -> None:
    ids = [notice.id for notice in parcel.notices]
    with db.transaction(winery_id) as session:
        for row in _hold(session, ids):
            row.sent_at, row.last_error = clock.now(), None
    log.info("notices delivered", winery_id=winery_id, notices=ids)


def _postpone(db: Database, winery_id: int, failed: dict[int, str]) -> None:
    if not failed:
        return
    with db.transaction(winery_id) as session:
        for row in _hold(session, list(failed)):
            row.attempts += 1
            row.last_error = failed[row.id][:500]
            row.send_after = find_retry(row.attempts, clock.now())
    log.warning(
        "notices not delivered",
        winery_id=winery_id,
        notices=len(failed),
        reason=next(iter(failed.values())),
    )


def _hold(session: Session, ids: Sequence[int]) -> Sequence[Notice]:
    return session.scalars(
        select(Notice)
        .where(Notice.id.in_(ids), Notice.sent_at.is_(None), Notice.dropped_at.is_(None))
        .order_by(Notice.id)
        .with_for_update()
    ).all()
