"""The `pressroom` command. It loads the module of the command that was typed and no other, so that each starts fast."""

import importlib
import logging
import sys
from collections.abc import Sequence

import structlog
import typer

from pressroom.runtime.importing import importing

from .errors import CommandFailed

COMMANDS = {
    "demo": "demo",
    "up": "up",
    "status": "status",
    "down": "down",
    "submit": "submit",
    "jobs": "jobs",
    "retry": "retry",
    "admin-requests": "admin_requests",
    "case-images": "case_images",
    "providers": "providers",
    "tail": "tail",
    "notices": "notices",
    "users": "users",
    "keys": "keys",
    "ledger": "ledger",
    "dead": "dead",
    "provision": "provision",
    "audit": "audit",
    "openapi": "openapi",
}
"""Each command and the module of `pressroom.cli.commands` that registers it."""


def build(words: Sequence[str]) -> typer.Typer:
    """The application with the command in `words`, or with all of them when it is none."""
    app = typer.Typer(
        help="Pressroom turns prompts into products.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    # Typer drops the command's name from an application of one command, unless there is a callback.
    app.callback()(_nothing)
    wanted = next((word for word in words if not word.startswith("-")), "")
    for module in [COMMANDS[wanted]] if wanted in COMMANDS else COMMANDS.values():
        importlib.import_module(f"pressroom.cli.commands.{module}").register(app)
    return app


def _nothing() -> None:
    """Pressroom turns prompts into products."""


def main() -> None:
    """Run the command in `sys.argv`."""
    words = sys.argv[1:]
    # What the runtime logs on a command's behalf is for the person only when it is a warning.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        with importing():
            app = build(words)
        app(args=words)
    except CommandFailed as error:
        typer.secho(str(error), err=True, fg="red" if sys.stderr.isatty() else None)
        raise SystemExit(1) from None
