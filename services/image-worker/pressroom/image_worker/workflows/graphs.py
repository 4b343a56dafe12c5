"""A workflow as it is sent, and the model that it loads. Pure."""

from pydantic import JsonValue

Graph = dict[str, dict[str, JsonValue]]
"""A workflow in ComfyUI's API format: its nodes by their ids."""

MODEL_INPUTS = ("ckpt_name", "unet_name")
"""How the core's loaders call the file of a whole model."""


def model_in(graph: Graph) -> str | None:
    """The model that a graph loads, by the first loader that names a file."""
    for node in graph.values():
        inputs = node.get("inputs")
        for name in MODEL_INPUTS:
            if isinstance(inputs, dict) and isinstance(model := inputs.get(name), str):
                return model
    return None
