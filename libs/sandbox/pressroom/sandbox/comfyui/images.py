"""The server's folders of pictures: `output`, `temp` and `input`. A picture is known by its type, subfolder and file
name together; the file that holds it is named by their digest, so no name that a client sends becomes a path."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pressroom.sandbox.core.blobs import BlobFolder
from pressroom.sandbox.core.imagefile import read_facts
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import JsonObject

FOLDERS = ("output", "temp", "input")


@dataclass(frozen=True)
class Place:
    """Where a picture is, as the API says it."""

    filename: str
    subfolder: str
    folder: str

    def body(self) -> JsonObject:
        return {"filename": self.filename, "subfolder": self.subfolder, "type": self.folder}

    def blob(self) -> str:
        return hashlib.sha256(f"{self.folder}\n{self.subfolder}\n{self.filename}".encode()).hexdigest()


class Images:
    """The pictures of one server."""

    def __init__(self, store: Store, server: str) -> None:
        self._store = store
        self._server = server
        self._blobs = BlobFolder(store.folder / server)

    def read(self, place: Place) -> bytes | None:
        return self._blobs.read(place.blob())

    def clear(self) -> None:
        self._blobs.clear()

    def save(self, prefix: str, folder: str, content: bytes) -> Place:
        """Under the next free name of this prefix: `fox/print` becomes `fox/print_00001_.png`."""
        subfolder, _, name = prefix.rpartition("/")
        number = self._store.next_number(f"{self._server}.{folder}.{prefix}")
        place = Place(f"{name}_{number:05d}_.png", subfolder, folder)
        self._blobs.write(place.blob(), content)
        return place

    def upload(self, place: Place, content: bytes, *, overwrite: bool) -> Place:
        """Takes a client's image in. Without `overwrite`, another image of the same name gets ` (1)` into its name;
        the same image keeps it."""
        stem, dot, suffix = place.filename.rpartition(".")
        free, number = place, 0
        while not overwrite and (there := self.read(free)) is not None and there != content:
            number += 1
            name = f"{stem} ({number}){dot}{suffix}" if dot else f"{place.filename} ({number})"
            free = Place(name, place.subfolder, place.folder)
        self._blobs.write(free.blob(), content)
        return free

    def has_input(self, name: str) -> bool:
        return self.read(input_place(name)) is not None

    def size_of_input(self, name: str) -> tuple[int, int] | None:
        """Its pixels, or None for one that is missing or no image."""
        content = self.read(input_place(name))
        if content is None:
            return None
        try:
            facts = read_facts(content)
        except ValueError:
            return None
        return facts.width, facts.height


def input_place(name: str) -> Place:
    """What a LoadImage node names: `name`, `subfolder/name`, or either with ` [output]` behind it."""
    folder = "input"
    for other in FOLDERS:
        if name.endswith(f" [{other}]"):
            name, folder = name.removesuffix(f" [{other}]"), other
    subfolder, _, filename = name.rpartition("/")
    return Place(filename, subfolder, folder)
