"""The folder of LoRAs and embeddings. A name is looked up among the files that are there, so it leads nowhere else."""

from pathlib import Path

from pressroom.runtime.errors import InvalidRequest

SUFFIX = ".safetensors"
"""The only format that is read: the older ones can carry code."""
_NAMED_AT_MOST = 20


class AdapterFolder:
    """`folder` None: there are no adapters."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """What can be asked for, as of now: a file may come while the worker runs."""
        return sorted(self._files())

    def find(self, name: str) -> Path:
        """The file of an adapter, by its name with or without the suffix. Raises `InvalidRequest` naming those that
        there are."""
        files = self._files()
        found = files.get(name.removesuffix(SUFFIX))
        if found is not None:
            return found
        if self._folder is None:
            raise InvalidRequest(
                f"diffusers: there is no adapter '{name}', because PRESSROOM_DIFFUSERS_ADAPTERS_DIR is not set"
            )
        there = sorted(files)
        listed = ", ".join(there[:_NAMED_AT_MOST]) + (", …" if len(there) > _NAMED_AT_MOST else "")
        raise InvalidRequest(
            f"diffusers: there is no adapter '{name}' in PRESSROOM_DIFFUSERS_ADAPTERS_DIR; there are {listed or 'none'}"
        )

    def _files(self) -> dict[str, Path]:
        if self._folder is None or not self._folder.is_dir():
            return {}
        return {path.name.removesuffix(SUFFIX): path for path in self._folder.glob(f"*{SUFFIX}") if path.is_file()}
