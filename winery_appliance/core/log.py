"""Logging: one JSON object a line, with the id of the request or job it belongs to."""

import logging
import sys

import structlog

from winery_appliance.core.db import Database
from winery_appliance.core.log_lines import keep_lines
from winery_appliance.core.log_server import ship_lines
from winery_appliance.core.settings import Settings


def set_up_logging(process: str) -> None:
    """Make every line of this process, also those of libraries, one JSON object on standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            _name_process(process),
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.captureWarnings(True)
    # These two tell of every job and every tick; what matters of them is logged by our own code.
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("huey").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    sys.excepthook = _log_uncaught


def send_lines_on(db: Database, settings: Settings) -> None:
    """Let this process's lines be kept for the owner, too, and go to the log server if one is named."""
    root = logging.getLogger()
    formatter = root.handlers[0].formatter
    stores = [keep_lines(db)]
    if settings.log_server is not None:
        stores.append(ship_lines(settings.log_server))
    for store in stores:
        store.setFormatter(formatter)
        root.addHandler(store)


def _name_process(process: str) -> structlog.typing.Processor:
    def add(
        _logger: object, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event["process"] = process
        return event

    return add


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: object) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("winery").critical(
        "uncaught error", exc_info=(kind, error, error.__traceback__)
    )
