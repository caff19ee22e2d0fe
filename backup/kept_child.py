"""A process of ours that is started again whenever it ended."""

import contextlib
import signal
import subprocess
from collections.abc import Sequence

from winery_appliance.core.clock import monotonic_s

PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)
LONG_S = 30.0  # one that ran for so long was well


class KeptChild:
    """A process of ours that is started again with growing pauses."""

    def __init__(self, pauses_s: Sequence[float] = PAUSES_S) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.started_s = 0.0
        self._pauses_s = pauses_s
        self._due_s = 0.0
        self._failures = 0

    def is_due(self) -> bool:
        """Whether it has ended, or never ran, and its pause is over."""
        if self.process is not None:
            if self.process.poll() is None:
                return False
            self.forget()
        return monotonic_s() >= self._due_s

    def started(self, process: subprocess.Popen[bytes]) -> None:
        """Note that it runs now."""
        self.process = process
        self.started_s = monotonic_s()

    def forget(self) -> None:
        """Note that it is gone, and when it is due again."""
        ended_well = self.process is not None and self.process.returncode == 0
        if ended_well or (self._pauses_s is PAUSES_S and monotonic_s() - self.started_s > LONG_S):
            self._failures = 0
        pause_s = self._pauses_s[min(self._failures, len(self._pauses_s) - 1)]
        self._failures += 1
        self._due_s = monotonic_s() + pause_s
        self.process = None

    def is_older(self, age_s: float) -> bool:
        """Whether it runs, and has for longer than `age_s`."""
        return self.process is not None and monotonic_s() - self.started_s > age_s

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it; one that does not listen, as in a hanging NAS, is killed and not waited for."""
        process = self.process
        if process is None:
            return
        for sent, patience_s in ((number, 3.0), (signal.SIGKILL, 1.0)):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(sent)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience_s)
                break
        self.forget()
