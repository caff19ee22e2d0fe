"""Stand-ins for the processes of the winery, kept by the real supervisor: `python stand_in.py up`.

The web stand-in answers every request with 200 and its process number. Each stand-in logs one JSON
line, one plain line, and a JSON line when it is told to end. STAND_IN_STUBBORN names one that does
not end, STAND_IN_BROKEN one that ends at once.
"""

import contextlib
import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psycopg

from winery_appliance.core.postgres import admin_url
from winery_appliance.core.settings import read_settings
from winery_appliance.entrypoints import supervisor
from winery_appliance.entrypoints.parts import Child

ME = (sys.executable, str(Path(__file__)))
SECRET_LINE = "Sign in as ana with grape-crush-42"


def main(name: str) -> int:
    """Play the part `name`."""
    if name == "up":
        return supervise()
    if name == os.environ.get("STAND_IN_BROKEN"):
        sys.stderr.write("Error: The part is broken on purpose.\n")
        return 3
    if name == "prepare":
        return prepare()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: end(name, number))
    sys.stderr.write("a plain line\n")
    say({"event": "begun", "process": name, "pid": str(os.getpid())})
    if name == "web":
        HTTPServer(
            (os.environ["WINERY_HOST"], int(os.environ["WINERY_PORT"])), Answer
        ).serve_forever()
    while True:
        signal.pause()


def supervise() -> int:
    """The supervisor itself."""
    return supervisor.run(
        read_settings(),
        demo=True,
        reset="--reset" in sys.argv,
        children=[
            Child("worker", (*ME, "worker"), signal.SIGINT, 20.0),
            Child("scheduler", (*ME, "scheduler"), signal.SIGTERM, 20.0),
            Child("web", (*ME, "web"), signal.SIGTERM, 20.0),
        ],
        prepare=(*ME, "prepare"),
    )


def prepare() -> int:
    """Count the starts in the database, and tell a secret."""
    with psycopg.connect(admin_url(read_settings()), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS starts (at timestamptz DEFAULT now())")
        connection.execute("INSERT INTO starts DEFAULT VALUES")
    sys.stdout.write(SECRET_LINE + "\n")
    return 0


def end(name: str, number: int) -> None:
    """Tell the signal, and end unless stubborn."""
    say({"event": "told", "process": name, "signal": signal.Signals(number).name})
    if name != os.environ.get("STAND_IN_STUBBORN"):
        os._exit(0)


def say(line: dict[str, str]) -> None:
    """Log as the winery's processes do; nobody may be listening any more."""
    with contextlib.suppress(OSError):
        os.write(2, json.dumps(line).encode() + b"\n")


class Answer(BaseHTTPRequestHandler):
    """200 and the number of this process."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(os.getpid()).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
