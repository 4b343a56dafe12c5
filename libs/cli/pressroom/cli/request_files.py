"""What a request is made of on this machine: a JSON file with the whole of it, reference pictures to upload first."""

import json
from pathlib import Path
from typing import Any

from pressroom.contracts.api import StoredFile

from .connection import Api
from .errors import CommandFailed


def read_request(file: Path) -> Any:
    """The request in a file; the gateway says what is wrong with it."""
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{file} is no JSON that can be read: {error}") from error


def uploaded(api: Api, picture: Path) -> str:
    """A reference picture's name, once it is stored."""
    return StoredFile.model_validate_json(api.request("POST", "/v1/files", content=picture.read_bytes())).name
