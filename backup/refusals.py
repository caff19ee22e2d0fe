"""What can go wrong with copies, each kind with the exit code it ends the command with."""

from winery_appliance.core.kept_sentence import Kept, KeptSentence

USAGE = 64  # sysexits.h EX_USAGE; click's own 2 would mean damage here


class CouldNotRun(Exception):
    """It could not be done; the text says why, what is safe and what to do. What is `given` goes into its places."""

    exit_code = 1

    def __init__(self, english: str = "", /, **given: str | int | float) -> None:
        super().__init__(english)
        self.sentence = KeptSentence(english=english, given=given)

    def __str__(self) -> str:
        """In the language that is spoken now."""
        return str(self.sentence)


class RepositoryAway(CouldNotRun):
    """Where the copies lie does not answer or does not let us in: that says nothing about the copies."""


class Damaged(CouldNotRun):
    """A copy is not what was written: bytes, signature or order."""

    exit_code = 2


class Missing(Damaged):
    """An object that a manifest names is not there."""


class Stale(CouldNotRun):
    """The copies or the proof of them are older than promised."""

    exit_code = 3


class KeyRefused(CouldNotRun):
    """The key is missing, mistyped, or another one than these copies need."""

    exit_code = 4


class NotReached(CouldNotRun):
    """The moment asked for cannot be reached with what the copies hold."""

    exit_code = 5


def keep_words(error: Exception) -> Kept:
    """What an error says, to be written down and read in another language."""
    return error.sentence if isinstance(error, CouldNotRun) else str(error)
