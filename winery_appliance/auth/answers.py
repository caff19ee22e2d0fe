"""What auth answers to programs."""

from typing import Literal

from winery_appliance.core.openapi import Answer


class TokenAnswer(Answer):
    """A token, and the seconds it lasts."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
