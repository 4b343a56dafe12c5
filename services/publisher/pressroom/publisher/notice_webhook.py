"""Notices by webhook, as Standard Webhooks 1.0 says (standardwebhooks.com): one POST, signed, of which a 2xx is enough.

The URL is a caller's, so nothing about it is trusted (`pressroom.runtime.public_http`): no private address, looked at
when the connection is made; no redirect; nothing of ours but the notice is sent; of the answer only status and headers
are read. The `webhook-id` is the notice's and never changes: a receiver counts by it what comes twice.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Sequence
from http import HTTPStatus

import httpcore
import httpx

from pressroom.contracts.cloudevents import timestamp
from pressroom.runtime.errors import WorkError
from pressroom.runtime.notice_settings import signing_keys
from pressroom.runtime.public_http import CheckedBackend
from pressroom.runtime.vendor_http import USER_AGENT, retry_after_s
from pressroom.state.documents import NoticeDocument

from .notice_delivery import NotTaken, Taken
from .settings import PublisherSettings

_ERROR_CHARACTERS = 300


def signature(keys: Sequence[bytes], notice_id: str, sent_at: int, body: bytes) -> str:
    """The `webhook-signature`: one for each key, parted by spaces. `sent_at` is in seconds since 1970."""
    signed = f"{notice_id}.{sent_at}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}" for key in keys)


def body_of(notice: NoticeDocument, public_url: str | None) -> bytes:
    """What is told; the same bytes at every try."""
    content = notice.content
    named = "text_id" if content.of_texts else "image_id"
    told = {
        "type": f"batch.{notice.kind}",
        "timestamp": timestamp(content.at),
        "data": {
            "batch_id": notice.batch_id,
            "state": str(content.batch_state),
            "title": content.title,
            "counts": content.counts.model_dump(),
            "url": batch_url(notice.batch_id, public_url),
            "reasons": [reason.model_dump() for reason in content.reasons],
            "failures": [{named: failed.field, "message": failed.message} for failed in content.failures],
        },
    }
    return json.dumps(told, ensure_ascii=False).encode()


def batch_url(batch_id: str, public_url: str | None) -> str:
    """Where the batch is; a path where the gateway's own address is not known (`PRESSROOM_PUBLIC_URL`)."""
    return f"{(public_url or '').rstrip('/')}/v1/batches/{batch_id}"


class Webhooks:
    """Delivers notices to URLs (`pressroom.publisher.notice_delivery.Delivery`)."""

    def __init__(self, settings: PublisherSettings) -> None:
        self._secret = settings.notice_secret
        self._public_url = settings.public_url
        self._timeout_s = settings.notice_timeout_s
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            # A connection that nobody reads from is closed after its one answer.
            max_keepalive_connections=0,
            max_connections=None,
            network_backend=CheckedBackend("The batch", _plain(settings.trusted_private_hosts)),
        )

    async def aclose(self) -> None:
        await self._pool.aclose()

    def receiver(self, notice: NoticeDocument) -> str | None:
        return httpx.URL(notice.target).netloc.decode("ascii")

    async def deliver(self, notice: NoticeDocument) -> Taken:
        if self._secret is None:
            raise NotTaken("webhooks are signed with PRESSROOM_NOTICE_SECRET, which is not set any more")
        request = self._request(notice, signing_keys(self._secret.get_secret_value()))
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._pool.handle_async_request(request)
                # Closed unread: whatever a receiver says beyond its status is nothing to us, however long it is.
                await response.aclose()
        except TimeoutError as error:
            raise NotTaken(f"no answer within {self._timeout_s:g} s") from error
        except WorkError as error:
            raise NotTaken(str(error), for_good=True) from error
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            said = f"{type(error).__name__} {error}".strip()
            raise NotTaken(f"it cannot be reached: {said[:_ERROR_CHARACTERS]}") from error
        return _judged(response)

    def _request(self, notice: NoticeDocument, keys: Sequence[bytes]) -> httpcore.Request:
        url = httpx.URL(notice.target)
        body = body_of(notice, self._public_url)
        sent_at = int(time.time())
        headers = [
            ("Host", url.netloc.decode("ascii")),
            ("User-Agent", USER_AGENT),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("webhook-id", notice.id),
            ("webhook-timestamp", str(sent_at)),
            ("webhook-signature", signature(keys, notice.id, sent_at, body)),
        ]
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        steps = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_s)
        return httpcore.Request("POST", target, headers=headers, content=body, extensions={"timeout": steps})


def _judged(response: httpcore.Response) -> Taken:
    status = response.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Taken(status)
    if status == HTTPStatus.GONE:
        raise NotTaken("it answered 410 Gone: it wants no more of these", status=status, for_good=True)
    said = f"it answered {status}"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        said += "; redirects are not followed"
    asked = retry_after_s(httpx.Response(status, headers=response.headers))
    raise NotTaken(said, status=status, retry_after_s=asked)


def _plain(hosts: Iterable[str]) -> frozenset[str]:
    return frozenset(host.rstrip(".").lower() for host in hosts)
