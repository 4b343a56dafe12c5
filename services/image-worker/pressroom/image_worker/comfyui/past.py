"""What a server's history says of a prompt: why there is no picture, or where the picture is. Pure."""

from collections.abc import Mapping

from pydantic import JsonValue

from pressroom.runtime.errors import ApiFailed

from .wire import Past, Picture

_SAVING_NODE = "SaveImage"
_SAVED = "output"


def failure_in(past: Past, server: str) -> ApiFailed | None:
    """Why a prompt ended without a picture; None when it ended well."""
    if past.status is None:
        return None
    if past.status.message("execution_interrupted") is not None:
        return ApiFailed(f"{server}: the prompt was interrupted there, by somebody at the server")
    if (error := past.status.message("execution_error")) is not None:
        return ApiFailed(f"{server}: {_error_in_words(error)}")
    if past.status.status_str == "error":
        return ApiFailed(f"{server}: the prompt failed, and the server does not say why")
    return None


def picture_in(past: Past) -> Picture | None:
    """The picture of a prompt: the first of a SaveImage, else the first that was saved, else the first at all."""
    graph = past.graph

    def rank(found: tuple[str, Picture]) -> tuple[bool, bool]:
        node_id, picture = found
        return graph.get(node_id, {}).get("class_type") != _SAVING_NODE, picture.type != _SAVED

    found = [(node_id, picture) for node_id, output in past.outputs.items() for picture in output.images]
    return min(found, key=rank)[1] if found else None


def picture_of_twin(past: Past, others: Mapping[str, Past]) -> Picture | None:
    """The picture of another prompt with the very same graph: what a prompt shows that was served from the cache and
    has no outputs of its own."""
    graph = past.graph
    twins = [other for other in others.values() if graph and other.graph == graph]
    return next((picture for twin in reversed(twins) if (picture := picture_in(twin)) is not None), None)


def _error_in_words(error: dict[str, JsonValue]) -> str:
    kind, message = str(error.get("exception_type", "")), str(error.get("exception_message", "")).strip()
    node = f"node {error.get('node_id')} ({error.get('node_type')})"
    if "OutOfMemory" in kind or "out of memory" in message.lower():
        return f"{node} ran out of memory: ask for smaller pictures or a smaller model ({kind}: {message})"
    return f"{node} failed with {kind}: {message}"
