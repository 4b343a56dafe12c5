"""Structured logs: readable on a terminal, one JSON object a line otherwise.

`bound` puts the batch, the image and the attempt on every line that is written while a piece of work is done.
"""

import logging
import sys
from contextlib import AbstractContextManager

import structlog
from structlog.types import Processor

from .settings import Settings

Logger = structlog.stdlib.BoundLogger


def configure(settings: Settings, service: str) -> None:
    """Set up logging for this process; the libraries' own lines go the same way."""
    readable = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        if readable
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    # An access line per health check, and a line per HTTP call of a client, drown what matters.
    for noisy in ("uvicorn.access", "httpx", "httpcore", "pymongo", "faststream", "pyvips"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


def get_logger(name: str) -> Logger:
    logger: Logger = structlog.get_logger(name)
    return logger


def bound(**values: object) -> AbstractContextManager[None]:
    """Put `values` on every line written inside."""
    return structlog.contextvars.bound_contextvars(**values)
