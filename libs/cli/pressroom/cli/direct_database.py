"""The database itself, for commands that must work before anybody can call the gateway: the first admin is made so."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from pressroom.state.database import Database, DatabaseError

from .connection import server_settings
from .errors import CommandFailed

Answer = TypeVar("Answer")


def with_database(data: Path | None, work: Callable[[Database], Awaitable[Answer]]) -> Answer:
    """What `work` answers, given the database of the environment or of the data folder's instance."""
    settings = server_settings(data)

    async def run() -> Answer:
        database = Database(settings.mongo_url, settings.mongo_database)
        try:
            return await work(database)
        except DatabaseError as error:
            raise CommandFailed(f"The database does not answer ({error}).\nSee what runs with: ./run status") from error
        finally:
            database.close()

    return asyncio.run(run())
