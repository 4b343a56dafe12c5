"""ComfyUI workflows with named slots: read from files, checked when loaded, filled with one picture's values.

A template is a workflow in ComfyUI's API format in which `"{{prompt}}"`, `"{{seed}}"` and so on stand where values
belong. Filling goes over the template once, so a value is data: a prompt that contains `{{seed}}` stays as it is.
"""

from .chosen import Workflows, WorkflowSettings
from .graphs import MODEL_INPUTS, Graph, model_in
from .reading import BadWorkflow
from .slots import SlotValues
from .templates import WorkflowTemplates

__all__ = [
    "MODEL_INPUTS",
    "BadWorkflow",
    "Graph",
    "SlotValues",
    "WorkflowSettings",
    "WorkflowTemplates",
    "Workflows",
    "model_in",
]
