"""What a valid graph would make: in which order its nodes run, what each is made of, and which pictures come out of it.
A node's signature covers everything above it, so nodes of equal signatures make the same and are served from cache."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pressroom.sandbox.comfyui.validation import class_of, inputs_of, linked
from pressroom.sandbox.core.wire import Json, JsonObject, as_int, as_text, canonical

LATENTS = frozenset({"EmptyLatentImage", "EmptySD3LatentImage"})
SIZED = LATENTS | {"ImageScale"}
LOADERS = {"CheckpointLoaderSimple": "ckpt_name", "UNETLoader": "unet_name"}
MARKER = re.compile(r"\[sandbox:([a-z-]+)\]")


@dataclass(frozen=True)
class Sampling:
    """What one KSampler does."""

    node_id: str
    model: str
    prompt: str
    seed: int
    steps: int
    width: int
    height: int
    count: int

    @property
    def markers(self) -> frozenset[str]:
        return frozenset(MARKER.findall(self.prompt))

    def fingerprint(self, place: int) -> str:
        """What the picture at this place of the batch is drawn from."""
        made_of: list[Json] = [self.model, self.prompt, str(self.seed), self.steps, self.width, self.height, place]
        return hashlib.sha256(canonical(made_of)).hexdigest()


def run_order(graph: JsonObject, outputs: Iterable[str]) -> list[str]:
    """The nodes that these outputs need, each after those that it needs itself."""
    order: dict[str, None] = {}

    def visit(node_id: str) -> None:
        if node_id in order:
            return
        for value in inputs_of(graph, node_id).values():
            source = linked(value)
            if source is not None and source in graph:
                visit(source)
        order[node_id] = None

    for output in outputs:
        visit(output)
    return list(order)


def signatures(graph: JsonObject, order: Iterable[str]) -> dict[str, str]:
    """A digest for each node of what it is made of; `order` has every node after those that it needs."""
    known: dict[str, str] = {}
    for node_id in order:
        inputs: JsonObject = {}
        for name, value in inputs_of(graph, node_id).items():
            source = linked(value)
            made: list[Json] = [known[source], value[1]] if source in known and isinstance(value, list) else []
            inputs[name] = made or value
        known[node_id] = hashlib.sha256(canonical([class_of(graph, node_id), inputs])).hexdigest()
    return known


def sampling_above(
    graph: JsonObject, node_id: str, size_of_input: Callable[[str], tuple[int, int] | None]
) -> Sampling | None:
    """The sampling that this node's pictures come from, or None for a node that only passes an image on."""
    sampler = _first_above(graph, node_id, {"KSampler"})
    return None if sampler is None else read_sampling(graph, sampler, size_of_input)


def read_sampling(graph: JsonObject, sampler: str, size_of_input: Callable[[str], tuple[int, int] | None]) -> Sampling:
    """What this KSampler is asked for."""
    inputs = inputs_of(graph, sampler)
    words = _first_above(graph, sampler, {"CLIPTextEncode"}, by="positive")
    loader = _first_above(graph, sampler, set(LOADERS), by="model")
    latent = _first_above(graph, sampler, {*SIZED, "LoadImage"}, by="latent_image")
    width, height, count = 1024, 1024, 1
    if latent is not None:
        given = inputs_of(graph, latent)
        if class_of(graph, latent) in SIZED:
            width, height, count = (as_int(given.get(name), 1) for name in ("width", "height", "batch_size"))
        else:
            width, height = size_of_input(as_text(given.get("image"))) or (width, height)
    return Sampling(
        node_id=sampler,
        model=as_text(inputs_of(graph, loader).get(LOADERS[class_of(graph, loader)])) if loader is not None else "",
        prompt=as_text(inputs_of(graph, words).get("text")) if words is not None else "",
        seed=as_int(inputs.get("seed")),
        steps=as_int(inputs.get("steps"), 1),
        width=width,
        height=height,
        count=count,
    )


def _first_above(graph: JsonObject, node_id: str, wanted: set[str], by: str | None = None) -> str | None:
    """The nearest node of these classes above this one, only by the input `by` if that is given."""
    inputs = inputs_of(graph, node_id)
    level = [inputs.get(by)] if by is not None else list(inputs.values())
    seen: set[str] = set()
    while level:
        sources = [source for value in level if (source := linked(value)) is not None and source in graph]
        for source in sources:
            if class_of(graph, source) in wanted:
                return source
        new = [source for source in sources if source not in seen]
        seen.update(new)
        level = [value for source in new for value in inputs_of(graph, source).values()]
    return None
