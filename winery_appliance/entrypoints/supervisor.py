"""The process behind `winery up`: makes ready, starts and keeps alive PostgreSQL, worker, scheduler
and web server.

It imports neither the web framework nor the database library: it stays small beside the processes
it keeps.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from winery_appliance.core import postgres
from winery_appliance.core.child_process import end_with_parent
from winery_appliance.core.data_directory import DataDirectory, DataRefused
from winery_appliance.core.postgres_processes import stop_leftovers
from winery_appliance.core.postgres_programs import PostgresRefused
from winery_appliance.core.restored_data import is_requested, is_restored, take_over
from winery_appliance.core.settings import Settings, child_environment
from winery_appliance.entrypoints.parts import (
    Child,
    Part,
    Roster,
    describe_end,
    list_children,
    winery_command,
)
from winery_appliance.entrypoints.process_keeper import Keeper, StopAsked
from winery_appliance.entrypoints.process_log import ProcessLog
from winery_appliance.entrypoints.start_checks import (
    StartRefused,
    is_healthy,
    open_data,
    reachable,
    show,
)

POSTGRES_READY_S = 180.0  # after a power cut it first replays what it wrote ahead, up to 1 GB
WEB_READY_S = 60.0


def run(
    settings: Settings,
    *,
    demo: bool,
    reset: bool,
    children: Sequence[Child] | None = None,
    prepare: Sequence[str] | None = None,
) -> int:
    """Run the appliance until somebody stops it; the exit code.

    `children` (those of the settings by default) are kept alive once the command `prepare` has made
    the database ready. What that prints on its standard output (the logins) is shown to the person
    below the address and kept out of the log. Where it fails, its last plain line on standard error is the reason given.
    """
    data = DataDirectory(settings.data)
    if prepare is None:
        prepare = winery_command("prepare", *([] if demo else ["--no-demo"]))
    try:
        if not open_data(settings, data, reset=reset):
            return 1
        chosen = list_children(settings) if children is None else children
        while True:
            _let_take_over(settings)
            with contextlib.closing(_open_log(data)) as log:
                if not _Appliance(settings, data, log).run(chosen, prepare):
                    return 0
    except (DataRefused, PostgresRefused, StartRefused) as refusal:
        show(str(refusal), fault=True)
        return 1
    except KeyboardInterrupt:  # before the first process was started
        return 0
    finally:
        data.release()


def _let_take_over(settings: Settings) -> None:
    """Put what was restored, if anything was, in the place of what is here, or go on where that was cut off."""
    if not is_restored(settings):
        return
    try:
        before = take_over(settings)
    except OSError as error:
        raise StartRefused(
            f"What was restored could not take its place: {error}. Nothing is lost. "
            "Mend that and start again: it is gone on with."
        ) from error
    show(f"What was restored takes over. What was here before is in {before}.")


def _open_log(data: DataDirectory) -> ProcessLog:
    try:
        return ProcessLog(data.log / "winery.log")
    except OSError as error:
        raise StartRefused(
            f"The log in {data.log} cannot be written ({error.strerror}). All data is as it was."
        ) from error


class _Appliance:
    """The running appliance, in a data directory that the caller holds."""

    def __init__(self, settings: Settings, data: DataDirectory, log: ProcessLog) -> None:
        self._settings = settings
        self._data = data
        self._log = log
        self._keeper = Keeper(log, Roster(data.run / "parts.json"))
        self._server: postgres.Server | None = None
        self._restoring: Part | None = None

    def run(self, children: Sequence[Child], prepare: Sequence[str]) -> bool:
        """Start everything, keep it alive until asked to stop, stop everything; whether to start again, on data that was
        restored meanwhile.
        """
        with self._keeper.hear_signals():
            self._log.tell("supervisor started", pid=os.getpid())
            try:
                self._start_all(children, prepare)
                while not is_restored(self._settings):
                    self._keeper.turn()
                    self._look_for_request()
                show("A restore that was asked for is done ...")
                return True
            except StopAsked:
                show("Stopping ...")
            finally:
                self._keeper.stop_all()
                if self._settings.database_url is None:
                    stop_leftovers(postgres.cluster_dir(self._settings))
        show("Stopped. All data is safe.")
        return False

    def _look_for_request(self) -> None:
        """Have a restore that somebody asked for carried out; it is gone on with however often it is cut off."""
        if self._restoring is not None:
            if self._restoring.is_running():
                return
            self._keeper.finish(self._restoring)
            self._restoring = None
        if is_requested(self._settings):
            child = Child("restore", winery_command("requested", program="winery-backup"))
            self._restoring = _make_part(child, child_environment(self._settings))
            self._keeper.start(self._restoring, keep=False)

    def _start_all(self, children: Sequence[Child], prepare: Sequence[str]) -> None:
        if self._settings.database_url is None:
            self._start_postgres()
        environment = child_environment(self._settings)
        logins = self._prepare(Child("prepare", prepare), environment)
        try:
            show("Starting the winery ...")
            for child in children:
                self._keeper.start(_make_part(child, environment), keep=True)
            self._await_web()
        finally:
            for line in logins:  # they are told once, so they are shown also when the rest fails
                show(f"  {line}")
        show(f"Stop it with Ctrl-C. Its log is in {self._data.log}.")

    def _start_postgres(self) -> None:
        settings = self._settings
        if not postgres.cluster_dir(settings).exists():
            show("Making the database ...")
        postgres.ensure_cluster(settings, preexec_fn=end_with_parent(signal.SIGKILL))
        show("Starting PostgreSQL ...")
        stop = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0))
        part = Part("postgres", self._open_server, stop)
        self._keeper.start(part, keep=False)
        in_time = self._keeper.wait_until(
            lambda: not part.is_running() or self._is_postgres_ready(), POSTGRES_READY_S
        )
        if not in_time or not part.is_running():
            self._keeper.drain()
            reason = part.last_words.rpartition(":  ")[2] or "it took too long"
            raise StartRefused(
                f"PostgreSQL did not start: {reason}. "
                f"The data is as it was. More is in {self._data.log}."
            )
        self._keeper.keep(part)

    def _open_server(self, output: int) -> subprocess.Popen[bytes]:
        settings = self._settings
        port = postgres.choose_port(settings)
        if self._server is not None and self._server.port != port:
            self._keeper.end_others("postgres")  # started again, they read the new port
        self._server = postgres.start_server(
            settings,
            postgres.cluster_dir(settings),
            port,
            stderr=output,
            preexec_fn=end_with_parent(signal.SIGINT),
        )
        return self._server.process

    def _is_postgres_ready(self) -> bool:
        return self._server is not None and self._server.is_ready()

    def _prepare(self, child: Child, environment: Mapping[str, str]) -> list[str]:
        """Run the command that makes the database ready; the lines it printed."""
        show("Preparing the database ...")
        lines: list[bytes] = []
        reading, writing = os.pipe()
        self._keeper.listen(reading, lines.append)
        part = _make_part(child, environment, output=writing)
        try:
            self._keeper.start(part, keep=False)
        finally:
            os.close(writing)
        code = self._keeper.finish(part)
        if code != 0:
            raise StartRefused(self._explain_failure(code, part.last_words))
        return [line.decode(errors="replace").rstrip() for line in lines]

    def _explain_failure(self, code: int, last_words: str) -> str:
        if last_words.startswith("Error: "):  # how the command line tells a person
            return last_words.removeprefix("Error: ")
        return (
            f"The preparation of the database {describe_end(code)} ({last_words or 'no word'}). "
            f"What is in the database is safe. More is in {self._data.log}."
        )

    def _await_web(self) -> None:
        host, port = reachable(self._settings.host), self._settings.port
        if not self._keeper.wait_until(lambda: is_healthy(host, port), WEB_READY_S):
            raise StartRefused(
                f"The web server did not answer within {WEB_READY_S:.0f} seconds. All data is "
                f"safe. The reason is in {self._data.log}."
            )
        shown = f"[{host}]" if ":" in host else host
        show(f"The winery is ready: http://{shown}:{port}")


def _make_part(child: Child, environment: Mapping[str, str], *, output: int | None = None) -> Part:
    def start(errors: int) -> subprocess.Popen[bytes]:
        return child.start(environment, errors, output)

    return Part(child.name, start, ((child.stop_signal, child.patience_s),))
