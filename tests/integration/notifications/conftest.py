"""A real mail server on loopback, and a winery that sends its mail there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api
from winery_appliance.core.postgres import find_free_port
from winery_appliance.notifications.delivery import deliver_due


@dataclass
class PostOffice:
    """What a mail server was handed; `refuse` is what it says to whom."""

    port: int
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, to: str, _o: Any
    ) -> str:
        """Take or refuse a recipient."""
        if to in self.refuse:
            return self.refuse[to]
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Keep a mail."""
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((list(envelope.rcpt_tos), mail))
        return "250 OK"

    def subjects(self, to: str) -> list[str]:
        """The subjects of the mails to somebody."""
        return [str(mail["Subject"]) for tos, mail in self.mails if to in tos]


@pytest.fixture
def post_office() -> Iterator[PostOffice]:
    """A mail server that runs."""
    office = PostOffice(find_free_port())
    controller = Controller(office, hostname="127.0.0.1", port=office.port)
    controller.start()
    yield office
    controller.stop()


@pytest.fixture
def set_up(sign_in_api: Callable[[str], Api], cast: Cast) -> Callable[..., None]:
    """Change the winery's settings of notifications, as its owner."""
    assert cast

    def change(**values: Any) -> None:
        answer = sign_in_api("ana").call(
            "PATCH", "/notification-settings", values, **{"If-Match": "*"}
        )
        assert answer.status_code == 200, answer.text

    return change


@pytest.fixture
def mail_is_set_up(set_up: Callable[..., None], post_office: PostOffice) -> None:
    """The winery's mail goes to the post office, at any hour."""
    set_up(
        smtp_host="127.0.0.1",
        smtp_port=post_office.port,
        smtp_security="none",
        sender="cellar@demo.winery",
        base_url="https://winery.home.arpa",
        summary_at=None,
    )


@pytest.fixture
def deliver(book: Winery) -> Callable[[], int]:
    """Do what the worker does every few seconds."""
    return lambda: deliver_due(book.worker, book.settings)
