"""What a program says on its standard error, as lines of our own log."""

import subprocess
import threading

import structlog

log = structlog.get_logger("winery.backup")


def log_words(process: "subprocess.Popen[bytes]", program: str) -> None:
    """Log each line that `process`, started with `stderr=PIPE`, writes there, until it ends."""
    pipe = process.stderr
    assert pipe is not None

    def listen() -> None:
        with pipe:
            for line in pipe:
                words = line.decode(errors="replace").strip()
                if words:
                    log.warning("a program said", program=program, words=words)

    threading.Thread(target=listen, name=f"words of {program}", daemon=True).start()
