"""Values of an asked shape: what a model that answers in JSON would fill in."""

from __future__ import annotations

from pressroom.sandbox.core.wire import Json, as_int, as_list, as_object, as_text


def instance_of(schema: Json, prompt: str, name: str = "answer") -> Json:
    """A value that a JSON schema (or Gemini's OpenAPI subset of one) allows, the same for the same prompt."""
    asked = as_object(schema)
    options = as_list(asked.get("enum"))
    if options:
        return options[len(prompt) % len(options)]
    kind = as_text(asked.get("type"), "object").lower()
    if kind == "object":
        properties = as_object(asked.get("properties"))
        return {key: instance_of(value, prompt, key) for key, value in properties.items()}
    if kind == "array":
        lowest, highest = as_int(asked.get("minItems"), 1), as_int(asked.get("maxItems"), 3)
        count = max(lowest, min(3, highest))
        return [instance_of(asked.get("items"), prompt, f"{name} {place + 1}") for place in range(count)]
    if kind in ("integer", "number"):
        return as_int(asked.get("minimum"), 1)
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    return f"{name}: {prompt[:80]}".strip()
