"""Every type of problem that the API answers with (RFC 9457, section 3.1.1): `urn:pressroom:problem:` and a name here.

A name never changes what it means, so that programs may go by it; a new one is only added. The `detail` of each problem
says more than the table can: which field, which setting, which state.
"""

from dataclasses import dataclass
from http import HTTPStatus

TYPE_PREFIX = "urn:pressroom:problem:"


@dataclass(frozen=True)
class ProblemType:
    """When it is answered, and what a caller does about it."""

    status: HTTPStatus
    meaning: str
    remedy: str


def _one(status: int, meaning: str, remedy: str) -> ProblemType:
    return ProblemType(HTTPStatus(status), meaning, remedy)


_AGAIN = "Come again after `Retry-After` seconds; with an `Idempotency-Key` a second time does no harm."

PROBLEM_TYPES: dict[str, ProblemType] = {
    "bad-request": _one(400, "The request's head says two things at once.", "Mend the client."),
    "unauthorized": _one(401, "There is no token or key, or it is not right.", "Log in, or send an API key."),
    "token-expired": _one(401, "The login has ended.", "Log in again."),
    "wrong-login": _one(401, "Address or password is not right.", "Try again, or ask an admin for a new password."),
    "insufficient-credits": _one(
        402, "The account does not cover it; `required`, `available` and `shortfall` say by how much.", "Top up."
    ),
    "insufficient-scope": _one(403, "The role or key may not do this.", "Use one that may; `detail` names the scope."),
    "sign-in-needed": _one(403, "An API key may not do this.", "Log in."),
    "account-disabled": _one(403, "The account was disabled.", "Ask an admin."),
    "users-only": _one(403, "This older interface is for users alone.", "Ask as a user, or use `/v1/batches`."),
    "open-to-this-machine": _one(403, "An open instance is called from elsewhere.", "Call it at 127.0.0.1."),
    "not-found": _one(404, "There is no such thing, or it is somebody else's.", "Look at the id."),
    "login-not-configured": _one(404, "Nobody logs in with a password here.", "Use single sign-on or an API key."),
    "method-not-allowed": _one(405, "The path has no such method.", "`Allow` names those that it has."),
    "request-timeout": _one(408, "The body came too slowly.", "Send it again."),
    "idempotency-key-reused": _one(409, "The key came with another body before.", "Send a new key."),
    "batch-over": _one(409, "The batch is over.", "There is nothing to do."),
    "not-in-mode-batch": _one(409, "A provider's job cannot be held up.", "Cancel the batch."),
    "image-not-ready": _one(409, "The image has no files yet.", "Wait until it is made."),
    "image-in-the-making": _one(409, "The image is being made.", "Wait, or cancel its batch."),
    "image-not-reviewable": _one(409, "The image's state does not allow this review.", "Look at its `state`."),
    "image-not-approved": _one(409, "Only what is approved is published.", "Approve it first."),
    "image-is-placeholder": _one(409, "Nobody made the image.", "Ask for it again."),
    "image-published": _one(409, "A product is made of the image.", "It stays; end the product in its shop."),
    "image-in-a-post": _one(409, "A post shows the image.", "Give the post another picture first."),
    "already-published": _one(409, "It is published.", "There is nothing to do."),
    "nothing-missing": _one(409, "Everything has an image already.", "There is nothing to do."),
    "nothing-to-retry": _one(409, "Nothing failed, or it is not over.", "Wait for the batch's end."),
    "provider-job-over": _one(409, "The job has ended.", "There is nothing to cancel."),
    "provider-job-not-over": _one(409, "The job has not ended.", "Cancel it first, or wait."),
    "lane-not-served": _one(409, "No worker serves the lane.", "Mend what `detail` names, start the worker."),
    "lane-closed": _one(409, "The lane is closed.", "Open it first."),
    "not-replayed": _one(409, "The dead letter cannot be sent again.", "`detail` says why."),
    "letter-is-cut": _one(409, "Only the beginning of the message is kept.", "Ask anew for what it asked for."),
    "email-taken": _one(409, "Somebody logs in with this address.", "Choose another one."),
    "no-password": _one(409, "The account has no password.", "Sign in as you did."),
    "not-oneself": _one(409, "Nobody does this to themselves.", "Ask another admin."),
    "signs-on-elsewhere": _one(409, "Role and password are kept elsewhere.", "Change them there."),
    "slug-taken": _one(409, "Another of your posts has the slug.", "Choose another one."),
    "changed-since": _one(412, "It was changed after you looked.", "Look again, and edit that."),
    "content-too-large": _one(413, "The body is too long.", "Send less; `detail` names the setting."),
    "range-not-satisfiable": _one(416, "The file has no such part.", "`Content-Range` says how long it is."),
    "invalid-request": _one(422, "Something in the request is wrong.", "`errors` names each field and its limit."),
    "too-many-requests": _one(429, "The minute's calls are used up.", "Wait `Retry-After` seconds."),
    "too-many-tries": _one(429, "A login was tried too often.", "Wait `Retry-After` seconds."),
    "internal-error": _one(500, "Something went wrong here.", "Tell who runs it; it is in the gateway's log."),
    "file-missing": _one(500, "The blob store has lost a file.", "Tell who runs it."),
    "database-unavailable": _one(503, "The database does not answer.", _AGAIN),
    "files-unavailable": _one(503, "The blob store does not answer.", _AGAIN),
    "streams-unavailable": _one(503, "nats-server does not answer.", _AGAIN),
    "sign-on-unavailable": _one(503, "The single sign-on's keys cannot be fetched.", _AGAIN),
    "not-now": _one(503, "What a webhook tells of is not stored yet.", "Tell again in a moment."),
    "starting": _one(503, "The gateway waits for its servers.", "Come again after `Retry-After` seconds."),
}


def problem_table() -> str:
    """All of them as Markdown."""
    rows = ["| type | status | what it means | what to do |", "|---|---|---|---|"]
    rows += [
        f"| `{TYPE_PREFIX}{name}` | {int(known.status)} | {known.meaning} | {known.remedy} |"
        for name, known in PROBLEM_TYPES.items()
    ]
    return "\n".join(rows)
