"""What to say when a vendor has retired a model, which happens often: who named it, and so what to change."""

from ..errors import ModelGone


def model_gone(
    vendor: str, model: str, setting: str, said: object, *, named_by_batch: bool, makes: str = "pictures"
) -> ModelGone:
    """The error for `model`, which is the batch's own or that of `setting`; `said` is the vendor's refusal."""
    mend = f"change the batch's own model to one that it has, or leave it to {setting}"
    if not named_by_batch:
        mend = f"set {setting} to one that it has"
    return ModelGone(f"{vendor} has no model {model!r} that makes {makes}: {mend} ({said})")
