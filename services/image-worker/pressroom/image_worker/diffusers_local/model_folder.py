"""What can be said of a model before it is loaded, from its name and its index file. Nothing here imports torch."""

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

INDEX = "model_index.json"
_HUB_NAME = re.compile(r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")


class _Index(BaseModel):
    model_config = ConfigDict(extra="ignore")

    class_name: str = Field(alias="_class_name")


def is_hub_name(model: str) -> bool:
    return _HUB_NAME.match(model) is not None


def public_name(model: str) -> str:
    """What is told of a model: its name on the hub, or its folder's name without the way there."""
    return model if is_hub_name(model) and not Path(model).is_dir() else Path(model).expanduser().resolve().name


def likely_takes_negative_prompt(model: str) -> bool:
    """By the pipeline's class, or the name; the loaded pipeline's signature decides."""
    try:
        said = _Index.model_validate_json((Path(model).expanduser() / INDEX).read_bytes()).class_name
    except (OSError, ValidationError):
        said = model.rpartition("/")[2]
    return not said.lower().startswith("flux")
