"""What worker-comfyui 5.8 makes of a job's input (github.com/runpod-workers/worker-comfyui, handler.py): pictures of
the output nodes in their order, previews left out; or an error with details. It is worked out when the job comes in and
kept small: the pictures are drawn when somebody looks at them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from pressroom.sandbox.comfyui.graph import Sampling, sampling_above
from pressroom.sandbox.comfyui.nodes import NodeClass
from pressroom.sandbox.comfyui.validation import GraphRefusalError, check_graph, class_of, inputs_of
from pressroom.sandbox.core.imagefile import read_facts
from pressroom.sandbox.core.wire import Json, JsonObject, as_object, as_text, dump, json_list

IMAGES_SHAPE = "'images' must be a list of objects with 'name' and 'image' keys"
FAILING = frozenset({"error", "oom", "worker-error"})


def work_of(job_input: JsonObject, classes: Mapping[str, NodeClass]) -> JsonObject:
    """`{error, details, reported, warnings, pictures: [{filename, prompt, fingerprint, width, height}]}`. `reported` is
    an error that stands only in the output of a job that is COMPLETED."""
    workflow, images = job_input.get("workflow"), job_input.get("images")
    if workflow is None:
        return _failed("Missing 'workflow' parameter")
    given = images if isinstance(images, list) else []
    if images is not None and (not isinstance(images, list) or not all(_is_named(one) for one in given)):
        return _failed(IMAGES_SHAPE)
    sizes, wrong = _take_in(given)
    if wrong:
        return _failed("Failed to upload one or more input images", wrong)
    graph = as_object(workflow)
    try:
        checked = check_graph(graph, classes, sizes.__contains__)
    except GraphRefusalError as refusal:
        return _failed(_told(refusal))
    found: list[tuple[str, Sampling]] = []
    for output in checked.outputs:
        sampling = sampling_above(graph, output, sizes.get)
        if class_of(graph, output) == "SaveImage" and sampling is not None:
            found.append((as_text(inputs_of(graph, output).get("filename_prefix"), "ComfyUI"), sampling))
    return _made(graph, found)


def _made(graph: JsonObject, found: list[tuple[str, Sampling]]) -> JsonObject:
    markers = frozenset[str]().union(*(sampling.markers for _prefix, sampling in found))
    if markers & FAILING:
        node_id = next(sampling.node_id for _prefix, sampling in found if sampling.markers & FAILING)
        kind = class_of(graph, node_id)
        message = "The sandbox was asked for an error by a marker in the prompt."
        details = f"Workflow execution error: Node Type: {kind}, Node ID: {node_id}, Message: {message}"
        return {**_failed("Job processing failed", [details]), "reported": "worker-error" in markers}
    lost = "Failed to fetch image data for lost.png from /view endpoint."
    warnings: list[Json] = [lost] if "warned" in markers else []
    pictures: list[JsonObject] = []
    for prefix, sampling in found if "no-image" not in markers else []:
        for place in range(sampling.count):
            pictures.append(
                {
                    "filename": f"{prefix.rpartition('/')[2]}_{len(pictures) + 1:05d}_.png",
                    "prompt": sampling.prompt,
                    "fingerprint": sampling.fingerprint(place),
                    "width": sampling.width,
                    "height": sampling.height,
                }
            )
    return {"error": "", "details": [], "reported": False, "warnings": warnings, "pictures": json_list(pictures)}


def _failed(error: str, details: list[str] | None = None) -> JsonObject:
    return {"error": error, "details": json_list(details or []), "reported": False, "warnings": [], "pictures": []}


def _is_named(image: Json) -> bool:
    return isinstance(image, dict) and isinstance(image.get("name"), str) and isinstance(image.get("image"), str)


def _take_in(images: list[Json]) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """The pixels of each image by its name, and what could not be read; a data URI is as good as plain base64."""
    sizes: dict[str, tuple[int, int]] = {}
    wrong: list[str] = []
    for one in images:
        image = as_object(one)
        name = as_text(image["name"])
        try:
            facts = read_facts(base64.b64decode(as_text(image["image"]).rpartition(",")[2], validate=True))
        except (binascii.Error, ValueError) as error:
            wrong.append(f"Error decoding base64 for {name}: {error}")
        else:
            sizes[name] = (facts.width, facts.height)
    return sizes, wrong


def _told(refusal: GraphRefusalError) -> str:
    """ComfyUI's 400, as the worker puts it into one text."""
    if not refusal.node_errors:
        return f"{as_text(refusal.error['message'])}: {as_text(refusal.error['details'])}"
    lines = [
        f"• Node {node_id} ({kind}): {value if isinstance(value, str) else dump(value)}"
        for node_id, errors in refusal.node_errors.items()
        for kind, value in as_object(errors).items()
    ]
    return "\n".join(["Workflow validation failed:", *lines])
