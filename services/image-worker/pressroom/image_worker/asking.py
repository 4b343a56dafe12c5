"""Asking a lane's provider for one image, so that nothing is paid twice and every call is accounted for.

Before a call that costs, the intent is stored, and where a cap in money holds, what it may cost is put aside with it; a
job's ref the moment it is known; what came of a failed call before anybody acts on the failure. Killed in between, the
next taker finds: a job with a ref, which it resumes; a job without one, which it looks for, or waits for the vendor's
word of it; or a billed call of which nobody heard, which it counts as possibly paid and makes again.
"""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pressroom.contracts.capabilities import nearest_size
from pressroom.contracts.facts import ErrorReport, ProviderTry
from pressroom.contracts.vocabulary import ErrorKind, TryOutcome
from pressroom.runtime import metrics
from pressroom.runtime.blobs import BlobStore
from pressroom.runtime.caps import Caps, over_cap
from pressroom.runtime.errors import LeaseLost, NotYet, OverBudget, RateLimited, TimedOut, WorkError, report_of
from pressroom.runtime.finishing import STORE_RETRY_S, with_try
from pressroom.runtime.lane_gate import LaneGate
from pressroom.runtime.lane_policies import LaneRules
from pressroom.runtime.logs import get_logger
from pressroom.runtime.prices import PriceTable
from pressroom.runtime.tasks import see_through
from pressroom.state.budgets import OverCap
from pressroom.state.collection import Claim
from pressroom.state.database import DatabaseError
from pressroom.state.documents import ImageDocument, RemoteJob
from pressroom.state.images import Images

from .providers import Generation, GenerationRequest, ImageProvider, JobProvider, Progress, RemoteJobOver, ToldProvider
from .remote_jobs import SUBMIT_GRACE_S

_UNSURE = frozenset({ErrorKind.NETWORK, ErrorKind.TIMEOUT, ErrorKind.API_ERROR, ErrorKind.UNKNOWN})
"""After these the effect of a call may have happened."""

_STOPPED = ErrorReport(
    kind=ErrorKind.UNKNOWN, message="stopped at the provider before it was made; it may be billed", recoverable=True
)

_LOOK_AGAIN_S = 2.0
"""How often a job that may still make itself known is looked for. Its place is another image's meanwhile."""

log = get_logger(__name__)

ImageClaim = Claim[ImageDocument]


class _TookTooLong(TimedOut):
    """The image's own time is up, and nobody waits for its job any longer."""


@dataclass(frozen=True)
class Lane:
    """What a lane is served with."""

    provider: ImageProvider
    rules: LaneRules
    gate: LaneGate


@dataclass
class _Call:
    """One asking for one image. `image` is the document as it was last read or written: the claim keeps others away."""

    claim: ImageClaim
    image: ImageDocument
    request: GenerationRequest
    began_at: datetime


class Asking:
    """One provider, asked for one image after the other."""

    def __init__(self, lane: Lane, images: Images, blobs: BlobStore, prices: PriceTable, caps: Caps) -> None:
        self.provider = lane.provider
        self._lane = lane
        self._images = images
        self._blobs = blobs
        self._prices = prices
        self._caps = caps

    async def generation(self, claim: ImageClaim, progress: Progress) -> tuple[Generation, ProviderTry, ImageDocument]:
        """The picture, the account of how it was made, and the document as it stands. Raises a `WorkError`; the
        document tells of it then. Raises `NotYet` while a job may still make itself known."""
        request = await self._request(claim.document)
        call = _Call(claim, claim.document, request, datetime.now(UTC))
        timeout_s = self._timeout_s(call)
        over: RemoteJobOver | None = None
        try:
            async with asyncio.timeout(timeout_s):
                generation = await self._asked(call, progress)
        except TimeoutError as error:
            failure: Exception = _TookTooLong(
                f"'{self.provider.name}' took longer than {timeout_s:g} s (PRESSROOM_GENERATION_TIMEOUT_S, or the "
                "lane's or batch's timeout_s)"
            )
            failure.__cause__ = error
        except RemoteJobOver as ended:
            failure, over = ended.error, ended
        except (LeaseLost, NotYet, DatabaseError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, it is accounted for before it is raised again
            failure = error
        else:
            return generation, self._account(call, generation), call.image
        await self._failed(call, failure, over)
        raise failure

    async def _asked(self, call: _Call, progress: Progress) -> Generation:
        provider = self.provider
        if isinstance(provider, JobProvider):
            ref = await self._job(provider, call)
            return await provider.resume(ref, call.request, progress)
        if provider.capabilities.is_billed and call.image.call_began_at is not None:
            await self._unheard_of(call, call.image.call_began_at)
        await self._begin(call, {"call_began_at": datetime.now(UTC)})
        return await provider.generate(call.request, progress)

    async def _job(self, provider: JobProvider, call: _Call) -> str:
        """The ref of the image's job: the one that is known, the one that is found, or a new one."""
        remote = call.image.remote
        if remote is not None and remote.provider is provider.name:
            if remote.ref is not None:
                log.info("image.resumed", ref=remote.ref)
                return remote.ref
            found = await self._found(provider, call, remote)
            if found is not None:
                await self._write(call, {"remote": remote.model_copy(update={"ref": found}).model_dump()})
                return found
            await self._unheard_of(call, remote.began_at)
        intent = RemoteJob(provider=provider.name, key=str(uuid.uuid4()), began_at=datetime.now(UTC))
        await self._begin(call, {"remote": intent.model_dump()})
        return await see_through(self._submitted(provider, call, intent), SUBMIT_GRACE_S)

    async def _begin(self, call: _Call, intent: dict[str, Any]) -> None:
        """Store the intent of a call. What it may cost is put aside with it, or, where a cap does not leave that,
        nothing is stored and `OverBudget` raised."""
        image = call.image
        caps = await self._caps.of(image.owner, image.batch_id, image.max_cost_microusd)
        amount = self._most(call) if caps else 0
        if amount is None:
            raise OverBudget(
                f"nobody knows what an image of '{self.provider.name}' costs, so no cap in money can be kept there; "
                "name a 'model' with a price, or give it one (PRESSROOM_PRICE_TABLE), then retry"
            )
        if amount == 0:
            if self.provider.capabilities.is_billed or "remote" in intent:
                await self._write(call, intent)
            return
        try:
            begun = await self._images.begin_call(image.id, intent, caps, amount, token=call.claim.token)
        except OverCap as over:
            raise OverBudget(over_cap(over)) from over
        if begun is None:
            raise LeaseLost(call.claim.id)
        call.image = begun

    def _most(self, call: _Call) -> int | None:
        """What a call may cost at most; None when the table does not know."""
        model = call.request.model or self.provider.model
        known = [self._known_price(call.request, model, seconds) for seconds in (None, self._timeout_s(call))]
        return max((price for price in known if price is not None), default=None)

    def _timeout_s(self, call: _Call) -> float:
        """All the time that the image may take."""
        return self._lane.rules.for_image(call.image.pacing).timeout_s

    async def _found(self, provider: JobProvider, call: _Call, remote: RemoteJob) -> str | None:
        """The ref of a job whose `submit` was not heard of; None when it counts as lost."""
        # Read again, because a webhook's word is written by others, whoever has the lease.
        image = await self._images.get(call.claim.id)
        told = image.remote if image is not None else None
        vendor_id = told.vendor_id if told is not None and told.key == remote.key else None
        found = await provider.find(call.request, remote.key, vendor_id)
        if found is None and isinstance(provider, ToldProvider):
            waited_s = (datetime.now(UTC) - remote.began_at).total_seconds()
            if waited_s < provider.told_within_s:
                raise NotYet(min(provider.told_within_s - waited_s, _LOOK_AGAIN_S))
        return found

    async def _submitted(self, provider: JobProvider, call: _Call, intent: RemoteJob) -> str:
        """Keeps trying to store the ref while the database is away: forgotten, the job would be asked for, and paid,
        again."""
        ref = await provider.submit(call.request, intent.key)
        remote = intent.model_copy(update={"ref": ref}).model_dump()
        while True:
            try:
                await self._write(call, {"remote": remote})
            except DatabaseError as error:
                log.error(
                    "database.unavailable", error=str(error), next="trying again; the job's name is kept", ref=ref
                )
                await asyncio.sleep(STORE_RETRY_S)
            else:
                return ref

    async def _failed(self, call: _Call, failure: Exception, over: RemoteJobOver | None) -> None:
        """Note what came of it, and whether anything is left at the provider to resume; `over`: nothing is. In one
        write, so that a job which is left is never one of which nobody knows what it took."""
        image = call.image
        report = report_of(failure)
        left = None if over is not None else await self._left(call, failure)
        changes: dict[str, Any] = {"call_began_at": None}
        if left is None:
            # What is left stays as it is stored: a webhook may have added to it.
            changes["remote"] = None
        if over is not None or not isinstance(failure, RateLimited | OverBudget):
            changes["tries"] = with_try(image, self._account_of_failure(call, image, left, over, report))
        await self._write(call, changes)

    def _account_of_failure(
        self,
        call: _Call,
        image: ImageDocument,
        left: RemoteJob | None,
        over: RemoteJobOver | None,
        report: ErrorReport,
    ) -> ProviderTry:
        if left is not None:
            # The one call that it was is counted when the job has ended.
            return self._lost(call, TryOutcome.FAILED, call.began_at, report).model_copy(update={"calls": 0})
        if image.remote is not None and image.remote.ref is not None:
            return self._ended(call, image.remote, over, report)
        is_lost = image.remote is None and image.call_began_at is not None and report.kind in _UNSURE
        return self._lost(call, TryOutcome.UNKNOWN if is_lost else TryOutcome.FAILED, call.began_at, report)

    def _ended(self, call: _Call, remote: RemoteJob, over: RemoteJobOver | None, report: ErrorReport) -> ProviderTry:
        """A job that ended, or was stopped, without a picture: it took what the provider says. Where that says nothing,
        it may have taken the price of a picture, or of the time since it was asked for, up to what was put aside."""
        model = call.request.model or self.provider.model
        cost, gpu_seconds = (over.cost_microusd, over.gpu_seconds) if over is not None else (None, None)
        outcome = TryOutcome.FAILED
        if not self.provider.capabilities.is_billed:
            cost = 0
        elif cost is None:
            if gpu_seconds is None:
                outcome = TryOutcome.UNKNOWN
                elapsed_s = (datetime.now(UTC) - remote.began_at).total_seconds()
                gpu_seconds = min(max(0.0, elapsed_s), self._timeout_s(call))
            cost = self._price(call.request, model, gpu_seconds)
        return self._try(call, outcome, model, cost, call.began_at, report)

    async def _left(self, call: _Call, failure: Exception) -> RemoteJob | None:
        """The job that may go on after a failure: the next try resumes it, or looks for it, and so pays nothing twice.
        A job with a ref is over by `RemoteJobOver`, or is stopped because the image's time is up; whatever else went
        wrong, a slow answer of the vendor's too, it is still there."""
        remote = call.image.remote
        if remote is None:
            return None
        if remote.ref is None:
            return remote if report_of(failure).kind in _UNSURE else None
        if not isinstance(failure, _TookTooLong):
            return remote
        # Fenced first: whoever has taken the image over waits for this very job.
        await self._write(call, {})
        return None if await self._stopped(remote) else remote

    async def _stopped(self, remote: RemoteJob) -> bool:
        """Stop a job at the provider; False when it may go on there."""
        provider = self.provider
        if not isinstance(provider, JobProvider) or remote.provider is not provider.name or remote.ref is None:
            return False
        try:
            await provider.cancel(remote.ref)
        except WorkError as error:
            log.warning("image.not_stopped", ref=remote.ref, error=str(error))
            return False
        return provider.capabilities.cancel

    async def let_go(self, claim: ImageClaim, image: ImageDocument) -> ImageDocument:
        """Stop what the provider still has of an image that it is asked for no more. The image, to be written without
        it: what it took until then, and what may go on there, or may have been made, counts as perhaps paid."""
        began_at = image.remote.began_at if image.remote is not None else image.call_began_at
        if began_at is None:
            return image
        changes: dict[str, Any] = {"remote": None, "call_began_at": None}
        is_stopped = image.remote is not None and await self._stopped(image.remote)
        if self.provider.capabilities.is_billed:
            call = _Call(claim, image, _request_of(image), began_at)
            if is_stopped and image.remote is not None:
                account = self._ended(call, image.remote, None, _STOPPED)
            else:
                account = self._unheard(call, began_at)
            changes["tries"] = (*image.tries, account)
        return image.model_copy(update=changes)

    async def _unheard_of(self, call: _Call, began_at: datetime) -> None:
        """Somebody asked, and died or lost the connection before the answer: it may have been billed."""
        account = self._unheard(call, began_at)
        await self._write(call, {"tries": with_try(call.image, account), "call_began_at": None, "remote": None})

    def _unheard(self, call: _Call, began_at: datetime) -> ProviderTry:
        report = ErrorReport(
            kind=ErrorKind.UNKNOWN, message="nobody heard what became of this call; it may be billed", recoverable=True
        )
        log.warning("image.call_unheard_of", provider=str(self.provider.name), began_at=began_at.isoformat())
        return self._lost(call, TryOutcome.UNKNOWN, began_at, report)

    def _account(self, call: _Call, generation: Generation) -> ProviderTry:
        cost = generation.cost_microusd
        if cost is None:
            cost = self._price(call.request, generation.model, generation.gpu_seconds)
        return self._try(call, TryOutcome.MADE, generation.model, cost, call.began_at, None)

    def _lost(self, call: _Call, outcome: TryOutcome, began_at: datetime, report: ErrorReport) -> ProviderTry:
        model = call.request.model or self.provider.model
        cost = self._price(call.request, model, None) if outcome is TryOutcome.UNKNOWN else 0
        return self._try(call, outcome, model, cost, began_at, report)

    def _try(
        self,
        call: _Call,
        outcome: TryOutcome,
        model: str | None,
        cost: int,
        began_at: datetime,
        report: ErrorReport | None,
    ) -> ProviderTry:
        is_billed = self.provider.capabilities.is_billed
        if is_billed:
            metrics.PROVIDER_CALLS.labels(str(self.provider.name), str(outcome)).inc()
            metrics.PROVIDER_COST.labels(str(self.provider.name)).inc(cost)
        return ProviderTry(
            provider=self.provider.name,
            model=model,
            outcome=outcome,
            calls=1 if is_billed else 0,
            cost_microusd=cost,
            began_at=began_at,
            seconds=max(0.0, (datetime.now(UTC) - began_at).total_seconds()),
            seed=call.request.seed if self.provider.capabilities.seeds else None,
            error=report,
        )

    def _price(self, request: GenerationRequest, model: str | None, seconds: float | None) -> int:
        """By the table; what it does not know counts as nothing, and the image has no estimate either."""
        return self._known_price(request, model, seconds) or 0

    def _known_price(self, request: GenerationRequest, model: str | None, seconds: float | None) -> int | None:
        can = self.provider.capabilities
        width_px, height_px = nearest_size(can.sizes, request.width_px, request.height_px)
        return self._prices.cost_microusd(
            self.provider.name, model, width_px=width_px, height_px=height_px, grade=can.grade, seconds=seconds
        )

    async def _request(self, image: ImageDocument) -> GenerationRequest:
        return _request_of(image, tuple([await self._blobs.input_image(name) for name in image.input_images]))

    async def _write(self, call: _Call, changes: dict[str, Any]) -> None:
        written = await self._images.change(call.claim.id, changes, token=call.claim.token)
        if written is None:
            raise LeaseLost(call.claim.id)
        call.image = written


def _request_of(image: ImageDocument, input_images: tuple[bytes, ...] = ()) -> GenerationRequest:
    return GenerationRequest(
        image_id=image.id,
        prompt=image.sent_prompt,
        negative_prompt=image.negative_prompt,
        model=image.requested_model,
        seed=image.seed,
        width_px=image.width,
        height_px=image.height,
        steps=image.steps,
        guidance=image.guidance,
        transparent=image.transparent,
        input_images=input_images,
        adapters=image.adapters,
        workflow=image.workflow,
    )
