"""What can be asked of auth, as validated data."""

from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

from winery_appliance.auth.permissions import Permission, Role
from winery_appliance.core.typed_text import Limit, Line, Moment, must_match

Email = Annotated[
    Line,
    StringConstraints(max_length=254, to_lower=True),
    must_match(r"[^@\s]+@[^@\s]+\.[^@\s]+", "this is no e-mail address"),
]
# NIST SP 800-63B asks for at least 8 where a second factor exists; this is a single factor, so a longer one.
Password = Annotated[SecretStr, Field(min_length=10, max_length=256)]


class SignIn(BaseModel):
    """A person at the door: name or e-mail, and the password."""

    model_config = ConfigDict(extra="forbid")

    login: Annotated[Line, StringConstraints(max_length=254, to_lower=True)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=256)]


class CreateToken(BaseModel):
    """A program at the door."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[Line, StringConstraints(max_length=254, to_lower=True)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=256)]


class CreatePersonalToken(BaseModel):
    """A token that a person makes for a program: what it may at most, and until when (90 days when not said)."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Line, StringConstraints(max_length=80)]
    scopes: Annotated[list[Permission], Field(min_length=1)]
    expires_at: Moment | None = None


class ListTokens(BaseModel):
    """Which tokens to list; `cursor` is the `next_cursor` of the page before."""

    cursor: str | None = None
    limit: Limit = 50


# Without an @, so that nobody's username is somebody else's e-mail: a login names one person.
Username = Annotated[
    Line,
    StringConstraints(max_length=60, to_lower=True),
    must_match(r"[^@\s]+", "a username goes without @ and blanks"),
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
            raise ValueError("give an e-mail or a username")
        return self


class AddUser(CreateUser):
    """A new person with a first password, as an owner's program sends it."""

    password: Password


class ChangeUser(BaseModel):
    """What changes about a person; null, or what is not sent, stays as it is."""

    model_config = ConfigDict(extra="forbid")

    display_name: Annotated[Line, StringConstraints(max_length=80)] | None = None
    role: Role | None = None
    is_active: bool | None = None


class NewPassword(BaseModel):
    """A password that somebody else chooses for a person, at the server's own terminal."""

    model_config = ConfigDict(extra="forbid")

    password: Password


class ResetPassword(BaseModel):
    """A new password, by the one-time code that the owner handed over."""

    model_config = ConfigDict(extra="forbid")

    login: Annotated[Line, StringConstraints(max_length=254, to_lower=True)]
    code: Annotated[Line, StringConstraints(max_length=40)]
    password: Password
