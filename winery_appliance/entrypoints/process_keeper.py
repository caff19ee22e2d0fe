"""Keeps processes alive: takes up their output, notices their end, starts them again, ends them in
order.

It is one thread around one selector: output, signals and pauses all wake the same loop. The kernel
ends the children together with the thread that started them (core.child_process), and one loop
needs little memory.
"""

import contextlib
import os
import selectors
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType

from winery_appliance.core.clock import monotonic_s
from winery_appliance.core.postgres_programs import PostgresRefused
from winery_appliance.entrypoints.parts import Part, Roster, describe_end, end_group
from winery_appliance.entrypoints.process_log import LineReader, ProcessLog
from winery_appliance.entrypoints.start_checks import StartRefused, show

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HURRIED_S = 1.0  # patience with each part once a person asks for the second time
IDLE_S = 5.0  # every event wakes the loop; this bounds what a missed one could cost


class StopAsked(Exception):
    """Somebody asked to stop."""


class Keeper:
    """The parts that run. Everything happens inside `turn`, `wait_until` and `stop_all`, in the
    caller's thread.
    """

    def __init__(self, log: ProcessLog, roster: Roster) -> None:
        self.log = log
        self._roster = roster
        self._selector = selectors.DefaultSelector()
        self._parts: list[Part] = []
        self._kept: set[str] = set()
        self._asked = 0
        self._stopping = False

    @contextlib.contextmanager
    def hear_signals(self) -> Iterator[None]:
        """Let Ctrl-C, SIGTERM, a closed terminal and ended children wake the loop for the length of
        the block.
        """
        hearing, telling = socket.socketpair()
        for end in (hearing, telling):
            end.setblocking(False)
        before = {number: signal.getsignal(number) for number in (*STOP_SIGNALS, signal.SIGCHLD)}
        self._selector.register(hearing, selectors.EVENT_READ, lambda: hearing.recv(4096))
        wake_before = signal.set_wakeup_fd(telling.fileno(), warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            if number != signal.SIGHUP or before[number] is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(wake_before)
            self._selector.unregister(hearing)
            hearing.close()
            telling.close()

    def start(self, part: Part, *, keep: bool) -> None:
        """Start `part`; with `keep` it is started again whenever it ends.

        Raises StartRefused or PostgresRefused when it cannot be started now.
        """
        self._parts.append(part)
        if keep:
            self._kept.add(part.name)
        try:
            self._launch(part)
        except OSError as error:
            raise StartRefused(
                f"{part.name} could not be started: {error}. The data is as it was."
            ) from error

    def keep(self, part: Part) -> None:
        """From now on, start `part` again whenever it ends."""
        self._kept.add(part.name)

    def listen(self, descriptor: int, take: Callable[[bytes], None]) -> None:
        """Give every line out of the pipe `descriptor` to `take`, and close it at its end."""
        reader = LineReader(descriptor)

        def read() -> None:
            lines, ended = reader.read_lines()
            for line in lines:
                take(line)
            if ended:
                self._selector.unregister(descriptor)
                os.close(descriptor)

        self._selector.register(descriptor, selectors.EVENT_READ, read)

    def end_others(self, but: str) -> None:
        """Ask all parts but one to end; those that are kept start again."""
        for part in self._parts:
            if part.name != but:
                part.send(part.stop_signals[0][0])

    def turn(self, timeout_s: float = IDLE_S) -> None:
        """Sleep until something happens (at most `timeout_s`), deal with it. Raises StopAsked."""
        if self._asked and not self._stopping:
            raise StopAsked
        due = [part.due_s for part in self._parts if part.process is None]
        pause_s = min(timeout_s, *(max(0.0, moment - monotonic_s()) for moment in due), IDLE_S)
        self._take_events(pause_s)
        if self._stopping:
            return
        for part in self._parts:
            if part.name in self._kept:
                self._look_after(part)

    def wait_until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Work on until `condition` holds; False if it takes too long. Raises StopAsked."""
        end = monotonic_s() + timeout_s
        while not condition():
            if monotonic_s() > end:
                return False
            self.turn(0.05)
        return True

    def finish(self, part: Part) -> int:
        """Work on until `part` has ended and its output is read; its code. Raises StopAsked."""
        while part.is_running():
            self.turn()
        self.drain()
        self._parts.remove(part)
        assert part.process is not None
        end_group(part.process.pid)
        return part.process.returncode

    def drain(self) -> None:
        """Take up what the parts have written until now."""
        for _ in range(1000):  # bounded, should one of them never cease to write
            if not self._take_events(0.0):
                return

    def stop_all(self) -> None:
        """End the parts, the last started first; whatever does not end in its time is killed."""
        self._stopping = True
        for part in reversed(self._parts):
            self._stop(part)
        self.drain()
        self._roster.write([])
        self.log.tell("supervisor stopped")

    def _stop(self, part: Part) -> None:
        for number, patience_s in (*part.stop_signals, (signal.SIGKILL, 5.0)):
            part.send(number)
            start = monotonic_s()
            while part.is_running():
                allowed = min(patience_s, HURRIED_S) if self._asked > 1 else patience_s
                if monotonic_s() - start > allowed:
                    break
                self.turn(0.1)
        if part.process is not None:
            end_group(part.process.pid)  # what it may have started itself
            self.log.tell("stopped", part=part.name, how=describe_end(part.process.returncode))

    def _launch(self, part: Part) -> None:
        reading, writing = os.pipe()
        try:
            part.launch(writing)
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)

        def take(line: bytes) -> None:
            part.last_words = self.log.take_line(part.name, line) or part.last_words

        self.listen(reading, take)
        assert part.process is not None
        self.log.tell("started", part=part.name, pid=part.process.pid)
        self._roster.write([part for part in self._parts if part.name != "postgres"])

    def _look_after(self, part: Part) -> None:
        if part.process is None:
            if part.due_s <= monotonic_s():
                self._relaunch(part)
        elif not part.is_running():
            end_group(part.process.pid)
            self._plan_restart(part, describe_end(part.process.returncode))

    def _relaunch(self, part: Part) -> None:
        try:
            self._launch(part)
        except (OSError, PostgresRefused) as error:
            self._plan_restart(part, f"could not be started: {error}")

    def _plan_restart(self, part: Part, how: str) -> None:
        pause_s = part.plan_restart()
        self.log.tell("restarting", "warning", part=part.name, how=how, pause_s=pause_s)
        show(f"{part.name} {how}; starting it again" + (f" in {pause_s:g} s." if pause_s else "."))

    def _take_events(self, timeout_s: float) -> bool:
        events = self._selector.select(timeout_s)
        for key, _ in events:
            key.data()
        return bool(events)

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._asked += 1
