"""A kept process: one that hangs for too long is known by its age, and ended."""

import subprocess

from backup.kept_child import KeptChild


def test_one_that_hangs_is_known_and_ended() -> None:
    child = KeptChild(pauses_s=(0.0,))
    assert not child.is_older(-1.0), "nothing runs"
    hanging = subprocess.Popen(["sleep", "1000"])
    child.started(hanging)

    assert not child.is_older(1000.0)
    assert child.is_older(-1.0)
    child.end()

    assert hanging.poll() is not None
    assert child.is_due()
