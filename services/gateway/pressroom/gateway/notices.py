"""`/v1/notices` and a batch's notices: what callers were told, every try to tell them, and telling them again."""

from http import HTTPStatus

from pressroom.contracts.api import Notice
from pressroom.contracts.vocabulary import NoticeState, Scope
from pressroom.runtime.notices import Notices
from pressroom.state.documents import NoticeDocument

from .access import Caller, GuardedRouter, requires
from .batches.batches import owned as owned_batch
from .edge.problems import answers, not_found
from .house import House

router = GuardedRouter("/v1", "notices", Scope.READ)


@router.get("/batches/{batch_id}/notices", responses=answers(HTTPStatus.NOT_FOUND))
async def list_batch_notices(batch_id: str, owner: Caller, house: House) -> list[Notice]:
    """Whom the batch's request asked to be told, of what, and every try; oldest first."""
    await owned_batch(house, owner, batch_id)
    found = await house.database.notices.find({"batch_id": batch_id}, sort=[("created_at", 1), ("_id", 1)])
    return [notice_view(notice) for notice in found]


@router.post(
    "/notices/{notice_id}/redeliver",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[requires(Scope.WRITE)],
    responses=answers(HTTPStatus.NOT_FOUND),
)
async def redeliver_notice(notice_id: str, owner: Caller, house: House) -> Notice:
    """Deliver it once more, under the same id; one that waits for its next try is tried now, and one that is on its
    way goes on."""
    notice = await _owned(house, owner, notice_id)
    again = await Notices(house.database, house.outbox).send_again(notice)
    return notice_view(again or await _owned(house, owner, notice_id))


async def _owned(house: House, owner: str, notice_id: str) -> NoticeDocument:
    notice = await house.database.notices.owned(notice_id, owner)
    if notice is None:
        raise not_found("notice", notice_id)
    return notice


def notice_view(notice: NoticeDocument) -> Notice:
    """A notice as the API shows it."""
    return Notice(
        id=notice.id,
        batch_id=notice.batch_id,
        kind=notice.kind,
        channel=notice.channel,
        target=notice.target,
        state=notice.state,
        attempts=notice.attempts,
        next_attempt_at=notice.not_before if notice.state is NoticeState.PENDING else None,
        error=notice.error,
        created_at=notice.created_at,
        updated_at=notice.updated_at,
        delivered_at=notice.delivered_at,
    )
