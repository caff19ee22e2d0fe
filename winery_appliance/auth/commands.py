"""What can be asked of auth, as validated data."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

from winery_appliance.auth.permissions import Permission, Role
from winery_appliance.core.typed_text import (
    Limit,
    Line,
    Moment,
    forget_defaults,
    must_match,
    read_digits,
)
from winery_appliance.core.words import N_, say

Email = Annotated[
    Line,
    StringConstraints(max_length=254, to_lower=True),
    must_match(r"[^@\s]+@[^@\s]+\.[^@\s]+", N_("this is no e-mail address")),
]
# NIST SP 800-63B asks for at least 8 where a second factor exists; this is a single factor, so a longer one.
Password = Annotated[SecretStr, Field(min_length=10, max_length=256)]


class SignIn(BaseModel):
    """A person at the door: name or e-mail, and the password."""

    model_config = ConfigDict(extra="forbid")

    login: Annotated[Line, StringConstraints(max_length=254, to_lower=True)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=256)]


# As an app shows it, or a recovery code; blanks and dashes do not count.
FactorCode = Annotated[SecretStr, Field(min_length=6, max_length=40)]


class CheckCode(BaseModel):
    """The code that an app shows now, or a recovery code."""

    model_config = ConfigDict(extra="forbid")

    code: FactorCode


class StartSecondFactor(BaseModel):
    """The password once more: whoever finds a browser open cannot shut its person out."""

    model_config = ConfigDict(extra="forbid")

    password: Annotated[SecretStr, Field(min_length=1, max_length=256)]


class SetSignInRules(BaseModel):
    """Whether owners and winemakers need a second factor."""

    model_config = ConfigDict(extra="forbid")

    second_factor_required: bool


class CreateToken(BaseModel):
    """A program at the door; `code` for who has a second factor."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[Line, StringConstraints(max_length=254, to_lower=True)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=256)]
    code: FactorCode | None = None


class CreatePersonalToken(BaseModel):
    """A token that a person makes for a program: what it may at most, and until when (90 days when not said)."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Line, StringConstraints(max_length=80)]
    scopes: Annotated[list[Permission], Field(min_length=1)]
    expires_at: Moment | None = None


class ListPeople(BaseModel):
    """Which people to list; `cursor` is the `next_cursor` of the page before."""

    deleted: Literal["true", "false"] = "false"
    cursor: str | None = None
    limit: Limit = 50


class ListTokens(BaseModel):
    """Which tokens to list; `cursor` is the `next_cursor` of the page before."""

    cursor: str | None = None
    limit: Limit = 50


# Without an @, so that nobody's username is somebody else's e-mail: a login names one person.
Username = Annotated[
    Line,
    StringConstraints(max_length=60, to_lower=True),
    must_match(r"[^@\s]+", N_("a username goes without @ and blanks")),
]


class CreateUser(BaseModel):
    """A new person in a winery; cellar hands often have no e-mail, but then they have a username.

    The password is not part of it: it travels as a hash, made outside the transaction.
    """

    model_config = ConfigDict(extra="forbid")

    email: Email | None = None
    username: Username | None = None
    display_name: Annotated[Line, StringConstraints(max_length=80)]
    role: Role

    @model_validator(mode="after")
    def has_a_login(self) -> Self:
        """One of the two is there (ValueError)."""
        if self.email is None and self.username is None:
            raise ValueError(say("give an e-mail or a username"))
        return self


class AddUser(CreateUser):
    """A new person; without a first password they choose one with a one-time code."""

    password: Password | None = None


class ChangeUser(BaseModel):
    """What changes about a person; what is left out stays. One of e-mail and username has to stay."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=forget_defaults)

    email: Email | None = None
    username: Username | None = None
    display_name: Annotated[Line, StringConstraints(max_length=80)] = ""
    role: Role = Role.VIEWER


class NewPassword(BaseModel):
    """A password that somebody else chooses for a person, at the server's own terminal."""

    model_config = ConfigDict(extra="forbid")

    password: Password


class ChangePassword(BaseModel):
    """One's own new password, and the old one: whoever finds a browser open cannot shut its person out."""

    model_config = ConfigDict(extra="forbid")

    current_password: Annotated[SecretStr, Field(min_length=1, max_length=256)]
    new_password: Password


class SpendCode(BaseModel):
    """Whose one-time code it is, and the code that the owner handed over."""

    model_config = ConfigDict(extra="forbid")

    login: Annotated[Line, StringConstraints(max_length=254, to_lower=True)]
    code: Annotated[Line, StringConstraints(max_length=40)]


class ResetPassword(SpendCode):
    """A new password, by one-time code."""

    password: Password


def refuse_guessable_pin(pin: SecretStr) -> SecretStr:
    """`pin`, unless it is not of digits or one of those that people try first (ValueError).

    Those are one digit or pair repeated, runs up or down, years of a living person, and the middle column of a pad:
    the shapes that lead the counts of leaked PINs.
    """
    digits = pin.get_secret_value()
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(say("a PIN is of digits"))
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(digits)}
    is_run = len(steps) == 1 and steps <= {0, 1, 9}
    is_repeated = digits == digits[:2] * (len(digits) // 2)
    is_year = len(digits) == 4 and "1930" <= digits <= "2039"
    if is_run or is_repeated or is_year or digits in {"2580", "0852"}:
        raise ValueError(say("this PIN is among the first that people try"))
    return pin


Pin = Annotated[SecretStr, Field(min_length=4, max_length=8), AfterValidator(refuse_guessable_pin)]


class ResetPin(SpendCode):
    """A new PIN, by one-time code."""

    pin: Pin


class ChoosePin(BaseModel):
    """A new PIN."""

    model_config = ConfigDict(extra="forbid")

    pin: Pin


class SignInByPin(BaseModel):
    """Somebody at a shared device: who, and the PIN."""

    model_config = ConfigDict(extra="forbid")

    user_id: Annotated[int, Field(ge=1, lt=10**18)]
    pin: Annotated[SecretStr, Field(min_length=1, max_length=8)]


class ChooseUnits(BaseModel):
    """The units in which one likes to read; None is the winery's."""

    model_config = ConfigDict(extra="forbid")

    sugar_unit: Literal["brix", "sg", "kg_m3", "baume", "oechsle", "kmw"] | None = None
    temperature_unit: Literal["celsius", "fahrenheit"] | None = None


class NameDevice(BaseModel):
    """A tablet that several people shall share."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Line, StringConstraints(max_length=60)]


class RenameDevice(BaseModel):
    """Another name for a tablet; left out, it stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=forget_defaults)

    name: Annotated[Line, StringConstraints(max_length=60)] = ""


class ListSharedDevices(BaseModel):
    """Which shared devices to list; `cursor` is the `next_cursor` of the page before."""

    cursor: str | None = None
    limit: Limit = 50


class EnrollDevice(BaseModel):
    """The one-time code, typed on the tablet itself."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[Line, StringConstraints(max_length=40)]


class ListAudit(BaseModel):
    """Which changes to list: of a table (`subject`) or a row of it, by somebody, from `since` until before `until`."""

    subject: Annotated[Line, StringConstraints(max_length=63)] | None = None
    subject_id: Annotated[Line, StringConstraints(max_length=60)] | None = None
    user_id: Annotated[int, BeforeValidator(read_digits), Field(ge=1)] | None = None
    since: Moment | None = None
    until: Moment | None = None
    cursor: str | None = None
    limit: Limit = 50
