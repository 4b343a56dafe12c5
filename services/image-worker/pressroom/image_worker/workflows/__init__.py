"""ComfyUI workflows with named slots: read from files, checked when loaded, filled with one picture's values.

A template is a workflow in ComfyUI's API format in which `"{{prompt}}"`, `"{{seed}}"` and so on stand where values
belong. Filling goes over the template once, so a value is data: a prompt that contains `{{seed}}` stays as it is.
"""

from .reading import BadWorkflow
from .slots import SlotValues
from .templates import WorkflowTemplates

__all__ = ["BadWorkflow", "SlotValues", "WorkflowTemplates"]
