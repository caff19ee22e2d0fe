"""What a process arranges about the processes it starts, and how it waits for them."""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from winery_appliance.core.clock import monotonic_s

PR_SET_PDEATHSIG = 1  # prctl(2)
POLL_S = 0.02
AUTOGROUP_S = 1.0


def end_with_parent(number: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` by which the kernel sends the child `number` when this thread ends, also by
    SIGKILL.

    The wish is lost when a process changes its user, so it must be the child's last act before it
    becomes the program: subprocess runs `preexec_fn` after `user=` and `group=`. Only for a process
    with one thread: Python code between fork and exec may hang in any other, and the signal follows
    the thread that started the child.
    """
    libc = ctypes.CDLL(None)  # loaded before the fork; after it as little as possible may happen
    parent = os.getpid()

    def arrange() -> None:
        if libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0 or os.getppid() != parent:
            os._exit(127)

    return arrange


def give_way(steps: int = 15) -> None:
    """Let the winery at work come before this process and all it starts, by `steps` of the 19 there are."""
    niceness = os.nice(steps)
    is_ours = os.getsid(0) == os.getpid()  # else it is a person's shell
    if is_ours:
        lower_session(os.getpid(), niceness)


def lower_session(pid: int, niceness: int) -> None:
    """Let the session that the process leads give way to all others, as `niceness` lets a process within its own.

    Linux shares a processor among sessions first (sched_autogroup in sched(7)), so in a session of
    its own a process that is merely nice gives way to nobody else. Where that is not so, nothing
    has to be done.
    """

    def is_settled() -> bool:
        try:
            Path(f"/proc/{pid}/autogroup").write_text(str(niceness))
        except BlockingIOError:  # the kernel takes one such wish of a user in a tenth of a second
            return False
        except OSError:  # it has no such groups, or the process has just ended
            pass
        return True

    wait_for(is_settled, AUTOGROUP_S)


def wait_for(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Ask again and again until `condition` holds; False when it does not within `timeout_s`."""
    end = monotonic_s() + timeout_s
    while not condition():
        if monotonic_s() > end:
            return False
        time.sleep(POLL_S)
    return True
