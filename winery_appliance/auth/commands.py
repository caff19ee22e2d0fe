"""What can be asked of auth, as validated data."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from winery_appliance.auth.permissions import Role
from winery_appliance.core.typed_text import Line, must_match

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


class CreateUser(BaseModel):
    """A new person in a winery; cellar hands often have no e-mail, but then they have a username.

    The password is not part of it: it travels as a hash, made outside the transaction.
    """

    model_config = ConfigDict(extra="forbid")

    email: Email | None = None
    username: Annotated[Line, StringConstraints(max_length=60, to_lower=True)] | None = None
    display_name: Annotated[Line, StringConstraints(max_length=80)]
    role: Role
