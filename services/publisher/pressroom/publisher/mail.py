"""Notices by mail: plain text for a person, handed to the deployment's mail server (RFC 5321, RFC 5322).

The Message-ID is made of the notice's id, so a mail that is handed in twice, because its publisher died before it could
write that it was taken, is one to a reader that compares them. Every header is made of words without line breaks.
"""

import asyncio
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import aiosmtplib

from pressroom.contracts.vocabulary import NoticeKind
from pressroom.runtime.notice_settings import MailServer, StartTls
from pressroom.state.documents import NoticeDocument

from .notice_delivery import NotTaken, Taken
from .notice_webhook import batch_url
from .settings import PublisherSettings

_TAKEN = 250
_REFUSED = 500
_START_TLS: dict[StartTls, bool | None] = {"always": True, "if-offered": None, "never": False}
_ENDINGS = {
    NoticeKind.COMPLETED: "is complete",
    NoticeKind.FAILED: "failed",
    NoticeKind.REJECTED: "was refused",
    NoticeKind.CANCELLED: "was cancelled",
    NoticeKind.HALF_DONE: "is half done",
}


def mail_of(notice: NoticeDocument, *, sender: str, public_url: str | None) -> EmailMessage:
    """The mail that a notice is."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = notice.target
    mail["Subject"] = _subject(notice)
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{notice.id}@{sender.rpartition('@')[2]}>"
    # RFC 3834: nobody's holiday should answer.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_text(notice, public_url), cte="quoted-printable")
    return mail


def _subject(notice: NoticeDocument) -> str:
    counts, name, noun = notice.content.counts, _name(notice), _noun(notice)
    match notice.kind:
        case NoticeKind.COMPLETED if counts.failed:
            return f"{name} is complete: {counts.generated} of {counts.requested} {noun}, {counts.failed} failed"
        case NoticeKind.COMPLETED:
            return f"{name} is complete: {counts.generated} of {counts.requested} {noun}"
        case _:
            return f"{name} {_ENDINGS[notice.kind]}"


def _name(notice: NoticeDocument) -> str:
    title = _one_line(notice.content.title or "")
    return f"Batch “{title}”" if title else f"Batch {notice.batch_id}"


def _noun(notice: NoticeDocument) -> str:
    return "texts" if notice.content.of_texts else "images"


def _one_line(text: str) -> str:
    """Without line breaks, and without whatever else is not to be seen."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _text(notice: NoticeDocument, public_url: str | None) -> str:
    content, counts = notice.content, notice.content.counts
    lines = [f"{_name(notice)} {_ENDINGS[notice.kind]}.", ""]
    if content.reasons:
        lines += ["Nothing is made of it, because:", ""]
        lines += [f"  - {_one_line(reason.field)}: {_one_line(reason.message)}" for reason in content.reasons]
    else:
        lines.append(f"  {counts.generated:>5} of {counts.requested} {_noun(notice)} are ready")
        if counts.placeholders:
            lines.append(f"  {counts.placeholders:>5} of these are placeholders")
        if counts.failed:
            lines.append(f"  {counts.failed:>5} failed")
        if counts.cancelled:
            lines.append(f"  {counts.cancelled:>5} were cancelled")
    if content.failures:
        lines += ["", "What failed, and why:", ""]
        lines += [f"  - {failed.field}: {_one_line(failed.message)}" for failed in content.failures]
        left_out = counts.failed - len(content.failures)
        if left_out > 0:
            lines.append(f"  and {left_out} more")
    lines += ["", "Look at it:", "", f"  {batch_url(notice.batch_id, public_url)}", ""]
    lines += ["-- ", f"Pressroom. The batch's request asked for this mail; it is the notice {notice.id}."]
    return "\n".join(lines) + "\n"


class Mailer:
    """Delivers notices by mail (`pressroom.publisher.notice_delivery.Delivery`)."""

    def __init__(self, settings: PublisherSettings) -> None:
        url = settings.smtp_url
        self._server = MailServer.of(url.get_secret_value()) if url is not None else None
        self._sender = settings.mail_from
        self._public_url = settings.public_url
        self._timeout_s = settings.notice_timeout_s

    async def aclose(self) -> None:
        return None

    def receiver(self, notice: NoticeDocument) -> str | None:
        return None

    async def deliver(self, notice: NoticeDocument) -> Taken:
        server, sender = self._server, self._sender
        if server is None or sender is None:
            raise NotTaken("mail needs PRESSROOM_SMTP_URL and PRESSROOM_MAIL_FROM, which are not set any more")
        mail = mail_of(notice, sender=sender, public_url=self._public_url)
        try:
            async with asyncio.timeout(self._timeout_s):
                await aiosmtplib.send(
                    mail,
                    sender=sender,
                    recipients=[notice.target],
                    hostname=server.host,
                    port=server.port,
                    username=server.user,
                    password=server.password,
                    use_tls=server.encrypted,
                    start_tls=False if server.encrypted else _START_TLS[server.starttls],
                    timeout=self._timeout_s,
                )
        except TimeoutError as error:
            raise NotTaken(f"the mail server did not answer within {self._timeout_s:g} s") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _not_taken(error) from error
        return Taken(_TAKEN)


def _not_taken(error: Exception) -> NotTaken:
    """What a mail server refuses for good (5xx, RFC 5321 section 4.2.1) is not asked again, unless it is our password:
    that is somebody's to mend."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
        return _not_taken(error.recipients[0])
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        said = _one_line(str(error.message))
        return NotTaken(
            f"the mail server refuses the user or password of PRESSROOM_SMTP_URL: {said}", status=error.code
        )
    if isinstance(error, aiosmtplib.SMTPResponseException):
        said = f"the mail server answered {error.code} {_one_line(str(error.message))}"
        return NotTaken(said, status=error.code, for_good=error.code >= _REFUSED)
    return NotTaken(f"the mail server cannot be reached: {_one_line(f'{type(error).__name__} {error}')}")
