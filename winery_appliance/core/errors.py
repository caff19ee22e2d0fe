"""What can go wrong, in kinds that know no HTTP. A person reads `detail`; a program reads `code`."""

from collections.abc import Sequence
from dataclasses import dataclass

from winery_appliance.core.words import N_, say


@dataclass(frozen=True)
class FieldFault:
    """One wrong field: where it stands in what was sent, the machine's word and a sentence."""

    path: str
    code: str
    detail: str


class AppError(Exception):
    """Base of every refusal that a person or a program is told about."""

    code = "error"

    def __init__(
        self, detail: str, *, code: str | None = None, fields: Sequence[FieldFault] = ()
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.fields = tuple(fields)


class Invalid(AppError):
    """What was sent cannot be right."""

    code = "invalid"


def refuse_field(
    path: str, code: str, detail: str, *, end: str = N_("Nothing was saved.")
) -> Invalid:
    """What to raise for one wrong field; `detail` is a sentence, and `end` says what is safe."""
    return Invalid(f"{detail} {say(end)}", code=code, fields=[FieldFault(path, code, detail)])


class NeedsConfirmation(AppError):
    """What was sent is unusual; the same again with `confirm` is accepted."""

    code = "needs_confirmation"


class NotSignedIn(AppError):
    """Nobody is signed in, or the token is not valid any more."""

    code = "not_signed_in"


class NotAllowed(AppError):
    """The person is known but may not do this."""

    code = "forbidden"


class NotFound(AppError):
    """There is no such thing in this winery."""

    code = "not_found"


class Conflict(AppError):
    """The request is sound but clashes with what is in the book."""

    code = "conflict"


class ChangedMeanwhile(AppError):
    """It is not what the asker last read any more."""

    code = "changed_meanwhile"


class NeedsPrecondition(AppError):
    """Whoever changes this must say which state of it they read."""

    code = "precondition_required"


class TooManyAttempts(AppError):
    """Too many failures in a short time; `retry_after_s` says when it is worth trying again."""

    code = "too_many_attempts"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unavailable(AppError):
    """A part that is needed does not answer at the moment."""

    code = "unavailable"
