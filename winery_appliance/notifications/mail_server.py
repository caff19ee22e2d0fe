"""A mail server as the settings name it: one connection, many mails, never longer than a few seconds a step."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage

TIMEOUT_S = 10.0


class MailRefused(Exception):
    """This mail was refused and another may not be; the text is what the server said."""


class MailServerAway(Exception):
    """No mail leaves the house just now; the text says why."""


@dataclass(frozen=True)
class MailServer:
    """Where mail leaves the house; with `security` "starttls" or "tls" the server's certificate is checked."""

    host: str
    port: int
    security: str
    username: str | None
    password: str | None

    @contextmanager
    def connect(self) -> Iterator["OpenServer"]:
        """A connection that is closed at the end. Raises MailServerAway."""
        try:
            smtp = self._open()
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            raise MailServerAway(_tell(self, error)) from error
        try:
            yield OpenServer(self, smtp)
        finally:
            try:
                smtp.quit()
            except (OSError, smtplib.SMTPException):
                smtp.close()

    def _open(self) -> smtplib.SMTP:
        if self.security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=TIMEOUT_S, context=ssl.create_default_context()
            )
        else:
            smtp = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)
        try:
            if self.security == "starttls":
                smtp.starttls(context=ssl.create_default_context())
            if self.username is not None and self.password is not None:
                smtp.login(self.username, self.password)
        except BaseException:
            smtp.close()
            raise
        return smtp


class OpenServer:
    """A mail server that is connected."""

    def __init__(self, server: MailServer, smtp: smtplib.SMTP) -> None:
        self._server = server
        self._smtp = smtp

    def send(self, mail: EmailMessage) -> None:
        """Hand a mail over. Raises MailRefused for this one, MailServerAway for all."""
        try:
            self._smtp.send_message(mail)
        except (
            smtplib.SMTPRecipientsRefused,
            smtplib.SMTPSenderRefused,
            smtplib.SMTPDataError,
            smtplib.SMTPNotSupportedError,
        ) as error:
            raise MailRefused(_tell(self._server, error)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise MailServerAway(_tell(self._server, error)) from error


def _tell(server: MailServer, error: Exception) -> str:
    """What went wrong, in a line, without anything secret."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        words = _join(*next(iter(error.recipients.values())))
    elif isinstance(error, smtplib.SMTPAuthenticationError):
        words = f"it does not take this user name and password ({error.smtp_code})"
    elif isinstance(error, smtplib.SMTPResponseException):
        words = _join(error.smtp_code, error.smtp_error)
    else:
        words = str(error) or type(error).__name__
    return f"{server.host}:{server.port}: {' '.join(words.split())}"[:400]


def _join(code: int, said: bytes | str) -> str:
    return f"{code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
