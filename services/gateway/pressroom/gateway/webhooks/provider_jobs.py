"""What a provider tells of its job is a hint that the job is worth a look now: the poller asks, whatever was said.

The date of the next look and the message's id are written in one update of the job's document, so a message that comes
twice moves nothing the second time. A hint that is lost is the wait until the date that stood there anyway.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import Request, Response
from pydantic import SecretStr

from pressroom.contracts.vocabulary import ProviderJobState, ProviderName
from pressroom.runtime.service import Service
from pressroom.state.documents import ProviderJobDocument

from .refusals import not_now, nothing_here
from .standard_webhooks import signed_message_id

_AT_THE_PROVIDER = str(ProviderJobState.SUBMITTED)
_NOT_YET = (ProviderJobState.PLANNED, ProviderJobState.SUBMITTING)


async def look_at_job(house: Service, provider: ProviderName, job_id: str, message_id: str) -> Response:
    """Of a job that we know by our own id for it. 404 when there is none, 503 while it is not yet stored as submitted:
    then the provider tells again."""
    job = await house.database.provider_jobs.get(job_id)
    if job is None or job.provider is not provider:
        raise nothing_here()
    if job.state in _NOT_YET:
        raise _not_submitted()
    await _look_now(house, job, message_id)
    return Response(status_code=HTTPStatus.OK)


async def heard_of_a_project(
    request: Request,
    house: Service,
    provider: ProviderName,
    secret: SecretStr | None,
    ended: Callable[[bytes], str | None],
) -> Response:
    """A message to the one address of a whole project, signed as Standard Webhooks are. `ended`: the provider's name
    of the job that a body says is over; None for anything else, which is heard and left."""
    if secret is None:
        raise nothing_here()
    body = await request.body()
    message_id = signed_message_id(request.headers, body, secret)
    if message_id is None:
        raise nothing_here()
    vendor_name = ended(body)
    if vendor_name is None:
        return Response(status_code=HTTPStatus.OK)
    return await _look_at_named(house, provider, vendor_name, message_id)


async def _look_at_named(house: Service, provider: ProviderName, vendor_name: str, message_id: str) -> Response:
    """Of a job by the provider's own name. One that nobody here asked for is no error, as the project may have other
    users; 503 while one of ours has no name yet and may be this."""
    jobs, of_provider = house.database.provider_jobs, {"provider": str(provider)}
    found = await jobs.find({"state": _AT_THE_PROVIDER, **of_provider, "vendor_name": vendor_name}, limit=1)
    for job in found:
        await _look_now(house, job, message_id)
    nameless = {"state": str(ProviderJobState.SUBMITTING), **of_provider}
    if not found and await jobs.find(nameless, limit=1):
        raise _not_submitted()
    return Response(status_code=HTTPStatus.OK)


async def _look_now(house: Service, job: ProviderJobDocument, message_id: str) -> None:
    guard = {"state": _AT_THE_PROVIDER, "told_by": {"$ne": message_id}}
    changes = {"next_poll_at": datetime.now(UTC), "told_by": message_id}
    await house.database.provider_jobs.change(job.id, changes, guard=guard)


def _not_submitted() -> Exception:
    return not_now("The job is being submitted; tell again in a moment.")
