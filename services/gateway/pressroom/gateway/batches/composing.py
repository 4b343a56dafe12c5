"""What a body of `POST /v1/batches` asks for: as it says, or as a recipe makes it of a subject.

Composed here, at the edge, so that everything behind works on prompts alone; a subject or recipe that is edited later
changes no batch.
"""

from pressroom.contracts.api import CreateBatch
from pressroom.contracts.facts import Reason
from pressroom.contracts.requests import BatchRequest

from ..edge.problems import invalid
from ..house import House
from ..recipes import composed, usable


async def wished(body: CreateBatch, owner: str, house: House) -> BatchRequest:
    """The request itself. Raises a 422 `Refusal` where there is no such recipe or subject, or one does not fit the
    other."""
    said = body.model_dump(exclude={"recipe", "parts"})
    if body.recipe is None or body.subject is None:
        return BatchRequest.model_validate(said)
    recipe = await usable(house, owner, body.recipe)
    subject = await house.database.subjects.get(owner, body.subject)
    reasons = [
        Reason(field=field, message=f"you have no {field} '{name}' (PUT /v1/{field}s/{name})")
        for field, name, found in (("recipe", body.recipe, recipe), ("subject", body.subject, subject))
        if found is None
    ]
    if recipe is None or subject is None:
        raise invalid(reasons)
    images = composed(recipe, subject.shown, body.parts)
    return BatchRequest.model_validate({**said, "images": [image.model_dump() for image in images]})
