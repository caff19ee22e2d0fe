"""What auth answers to programs."""

from typing import Any, Literal
from uuid import UUID

from winery_appliance.auth.permissions import Role
from winery_appliance.core.openapi import Answer, When


class TokenAnswer(Answer):
    """A token, and the seconds it lasts."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int


class TokenListedAnswer(Answer):
    """A token without its secret. No name: it came of a sign-in. No scopes: it may what its person may."""

    id: UUID
    name: str | None
    user_id: int
    display_name: str
    scopes: list[str] | None
    created_at: When
    expires_at: When
    revoked_at: When | None
    last_used_at: When | None


class PersonalTokenAnswer(TokenListedAnswer):
    """A new token with its secret, told only here."""

    access_token: str
    token_type: Literal["Bearer"]


class DeviceAnswer(Answer):
    """A tablet that several people share; without `enrolled_at` it still waits for its code."""

    id: int
    name: str
    created_at: When
    enrolled_at: When | None
    last_seen_at: When | None
    revoked_at: When | None


class NamedDeviceAnswer(Answer):
    """A device with its one-time code, told only here, and until when it works."""

    device: DeviceAnswer
    code: str
    expires_at: When


class PinPersonAnswer(Answer):
    """Somebody who can be chosen on the shared device that asks."""

    user_id: int
    display_name: str


class PinSessionAnswer(Answer):
    """Who is signed in now, and the idle seconds it lasts; the answer's cookie carries it."""

    user_id: int
    display_name: str
    role: Role
    expires_in: int


class AuditAnswer(Answer):
    """One change of one row.

    `via` is how somebody came in: session, pin, a token by its id, or the program that worked without anybody. `subject` is
    the table. `changes` has of each changed column the old and the new value; of a secret both are "hidden".
    """

    id: int
    at: When
    user_id: int | None
    via: str
    request_id: str | None
    action: Literal["insert", "update", "delete"]
    subject: str
    subject_id: str
    changes: dict[str, list[Any]]


class UserAnswer(Answer):
    """A person who may sign in, or could until they were removed at `deleted_at`."""

    id: int
    email: str | None
    username: str | None
    display_name: str
    role: Role
    has_pin: bool
    created_at: When
    deleted_at: When | None


class ResetCodeAnswer(Answer):
    """A one-time code, told only here, and until when it works."""

    code: str
    expires_at: When


class SecondFactorAnswer(Answer):
    """Whether you have a second factor, the recovery codes that are left, and whether your role needs one here."""

    confirmed: bool
    recovery_codes_left: int
    required: bool


class NewSecondFactorAnswer(Answer):
    """A secret for an app, told only here, and the address (otpauth) that a picture of it would hold."""

    secret: str
    uri: str


class RecoveryCodesAnswer(Answer):
    """Codes that work once each in place of the app's, told only here."""

    recovery_codes: list[str]


class SignInRulesAnswer(Answer):
    """Whether owners and winemakers need a second factor."""

    second_factor_required: bool
