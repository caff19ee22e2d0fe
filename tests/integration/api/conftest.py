"""The application on loopback, for programs that speak HTTP."""

import threading
from collections.abc import Iterator

import pytest
import waitress
from flask import Flask


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Where the application answers, served as the web process serves it."""
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=4, ident=None)
    thread = threading.Thread(target=server.run, name="web")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.trigger.pull_trigger(server.close)  # in its own thread, between two requests
        thread.join(timeout=10)
