"""What can go wrong with copies, each kind with the exit code it ends the command with."""

USAGE = 64  # sysexits.h EX_USAGE; click's own 2 would mean damage here


class CouldNotRun(Exception):
    """It could not be done; the text says why, what is safe and what to do."""

    exit_code = 1


class Damaged(CouldNotRun):
    """A copy is not what was written: bytes, signature or order."""

    exit_code = 2


class Stale(CouldNotRun):
    """The copies or the proof of them are older than promised."""

    exit_code = 3


class KeyRefused(CouldNotRun):
    """The key is missing, mistyped, or another one than these copies need."""

    exit_code = 4


class NotReached(CouldNotRun):
    """The moment asked for cannot be reached with what the copies hold."""

    exit_code = 5
