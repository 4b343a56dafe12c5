"""All templates of a deployment: the built-in ones, and a folder's, which win by their name."""

import re
from importlib.resources import files
from pathlib import Path

from pressroom.runtime.errors import InvalidRequest

from .graphs import Graph
from .reading import BadWorkflow, Template, read_template
from .slots import NoValue, SlotValues

_BUILT_IN = files("pressroom.image_worker.workflows") / "builtin"
_SUFFIX = ".json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""What a batch may name as its workflow (`contracts.requests.PlainName`)."""

_WHY_MISSING = {
    "image": "starts from a reference picture: give the batch one in 'input_images'",
    "model": "has no model of its own: name one in the batch, or in the provider's setting",
}


class WorkflowTemplates:
    """The templates by name. `folder` has `<name>.json` files; it is read once, at the start."""

    def __init__(self, folder: Path | None) -> None:
        """Raises `BadWorkflow` with all faults of all files."""
        self._templates = _read_all(folder)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._templates))

    def inputs_of(self, slot: str, name: str) -> frozenset[str]:
        """The names of the inputs that `slot` stands in, in the template `name`; none when it has no such slot. Raises
        `InvalidRequest` when there is no such template."""
        return self._template(name).inputs_of(slot)

    def fill(self, name: str, values: SlotValues) -> Graph:
        """The workflow to send: ComfyUI's API format, a new object at each call.

        Raises `InvalidRequest` when there is no such template, or when it needs a value that is not there.
        """
        try:
            return self._template(name).filled(values)
        except NoValue as missing:
            why = _WHY_MISSING.get(missing.slot, f"needs a {missing.slot}")
            raise InvalidRequest(f"the workflow {name!r} {why}") from missing

    def _template(self, name: str) -> Template:
        template = self._templates.get(name)
        if template is None:
            raise InvalidRequest(f"there is no workflow {name!r}; there are: {', '.join(self.names)}")
        return template


def _read_all(folder: Path | None) -> dict[str, Template]:
    templates = {
        resource.name.removesuffix(_SUFFIX): read_template(resource.read_bytes())
        for resource in _BUILT_IN.iterdir()
        if resource.name.endswith(_SUFFIX)
    }
    faults: list[str] = []
    for path in _files_of(folder) if folder is not None else ():
        try:
            templates[path.stem] = _read(path)
        except BadWorkflow as error:
            faults.extend(f"{path}: {line}" for line in str(error).splitlines())
    if faults:
        raise BadWorkflow("\n".join(faults))
    return templates


def _files_of(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise BadWorkflow(f"{folder}: there is no such folder of workflow templates")
    return sorted(path for path in folder.iterdir() if path.suffix == _SUFFIX)


def _read(path: Path) -> Template:
    if not _NAME.fullmatch(path.stem):
        raise BadWorkflow("no batch could name it: letters, digits, dots, dashes and underscores only")
    try:
        return read_template(path.read_bytes())
    except OSError as error:
        raise BadWorkflow(f"it cannot be read ({error.strerror})") from error
