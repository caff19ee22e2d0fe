"""What auth answers to programs."""

from typing import Literal

from winery_appliance.auth.permissions import Role
from winery_appliance.core.openapi import Answer, When


class TokenAnswer(Answer):
    """A token, and the seconds it lasts."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int


class UserAnswer(Answer):
    """A person who may sign in, or could until they were disabled."""

    id: int
    email: str | None
    username: str | None
    display_name: str
    role: Role
    is_active: bool
    created_at: When


class ResetCodeAnswer(Answer):
    """A one-time code, told only here, and until when it works."""

    code: str
    expires_at: When
