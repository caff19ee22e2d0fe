"""What can go wrong with object storage: a few classes, each with a behaviour of its own and a sentence for people."""

from backup.refusals import CouldNotRun, RepositoryAway


class StoreTrouble(RepositoryAway):
    """Object storage did not do what was asked. `kind` is the class that decides what is done about it."""

    kind = "retry"

    @classmethod
    def of(cls, error: Exception) -> "StoreTrouble":
        """The same sentence as a trouble."""
        if isinstance(error, CouldNotRun):
            return cls(error.sentence.english, **error.sentence.given)
        return cls(str(error))


class Unreachable(StoreTrouble):
    """The line or the store failed for the moment; tried again for ever, ever more seldom."""


class AccessRefused(StoreTrouble):
    """The store knows us not, or forbids it; asked again every hour, since nobody but a person can mend that."""

    kind = "auth"


class StoreFull(StoreTrouble):
    """The store takes no more; asked again every hour."""

    kind = "quota"


class ClockWrong(StoreTrouble):
    """This machine's clock differs from the store's by more than it tolerates."""

    kind = "clock"


class LeaseLost(StoreTrouble):
    """Another machine writes for this site; nothing more is written from here."""

    kind = "lease"


class Taken(StoreTrouble):
    """There is an object under this key already (or another one than we think): 412."""

    kind = "conflict"


class UploadGone(StoreTrouble):
    """The store has forgotten a multipart upload; it must begin anew."""
