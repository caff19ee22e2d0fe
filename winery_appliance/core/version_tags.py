"""Nobody overwrites what they have not seen: a tag of what was read comes back with the change and is compared."""

import hashlib
from collections.abc import Collection

from winery_appliance.core.errors import ChangedMeanwhile
from winery_appliance.core.words import say


def make_tag(view: object) -> str:
    """A tag of a frozen dataclass's whole content; the same content has the same tag in every process."""
    return hashlib.sha256(repr(view).encode()).hexdigest()[:32]


def refuse_stale(view: object, seen: Collection[str] | None) -> None:
    """Raise ChangedMeanwhile unless `view` is one of the versions `seen`; None stands for whatever is there.

    The caller holds a lock on the row, so that nobody can slip in between this answer and the change.
    """
    if seen is not None and make_tag(view) not in seen:
        raise ChangedMeanwhile(
            say(
                "Somebody changed this since you read it. Your change was not saved. Read it anew and change it again."
            )
        )
