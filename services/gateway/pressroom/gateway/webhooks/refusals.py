"""How webhooks are refused: in few words, because nobody whom we know reads them."""

from http import HTTPStatus

from ..edge.problems import RETRY_AFTER_S, Refusal


def nothing_here() -> Refusal:
    """The same for a signature that is wrong, for a message that is old and for a job that nobody waits for."""
    return Refusal(HTTPStatus.NOT_FOUND, "not-found", "There is nothing here.")


def not_now(detail: str) -> Refusal:
    """What the vendor is to tell again in a moment."""
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "not-now", detail, headers=headers)
