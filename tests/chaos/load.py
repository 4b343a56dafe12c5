"""A steady run of small batches of both modes and of many providers, and somebody who says yes to every picture.

Some of the batches are a user's who pays in credits and never has quite enough of them; some have a cap in money of
exactly what they cost, so that a call which was paid in vain leaves too little for the last picture.

What was asked for is remembered only when it was acknowledged: a 202 of the gateway, or the stream's PubAck. Asking is
repeated under the same key or id until then, as a careful client does.
"""

import asyncio
import random
import secrets
from dataclasses import dataclass, field
from decimal import Decimal
from http import HTTPStatus

import httpx
import nats.errors
import nats.js.errors
from nats.js import JetStreamContext

from pressroom.cli.data_folder import InstanceFacts
from pressroom.contracts.accounts import LoggedIn, User
from pressroom.contracts.api import Batch
from pressroom.contracts.cloudevents import body_of, headers_for
from pressroom.contracts.credits import Estimate, Millicredits, as_millicredits
from pressroom.contracts.events import BatchRequested, ImageGenerated
from pressroom.contracts.finishing import NO_PROFILE
from pressroom.contracts.requests import BatchRequest, ImageRequest, PublishTarget
from pressroom.contracts.roles import INSTANCE_OWNER
from pressroom.contracts.subjects import ALL_EVENTS, EVENTS_STREAM, event_subject
from pressroom.contracts.vocabulary import Mode, PlatformName, ProductType, ProviderName
from pressroom.runtime.tail import EVERYTHING, tail

AGAIN_AFTER_S = 0.2
_ANSWER_WITHIN_S = 5.0
_IMAGES_MAX = 3
_WIDTH_PX, _HEIGHT_PX = 256, 320  # chaos is about what survives, not about pixels
MODERATED = "[sandbox:moderated]"
"""In a prompt: OpenAI refuses it, so that the next provider of a list takes over; ComfyUI draws it."""

SLOW_VENDORS = {
    "PRESSROOM_SANDBOX_FLUX_SECONDS": "2",
    "PRESSROOM_SANDBOX_RUNPOD_SECONDS": "2",
    "PRESSROOM_SANDBOX_RUNPOD_OUTPUT": "s3_url",
}
"""Jobs that take so long that workers die in the middle of them, and pictures that have to be fetched."""

_CREDITS_EACH = Decimal(4)
"""What the payer is given before each batch that is asked for, which costs from 2 to 12."""

_BY_THE_PICTURE = frozenset({ProviderName.OPENAI, ProviderName.FLUX})
"""What a call of them takes is what was estimated, and their books say how often each was called."""

_OPENAI_SECONDS = 1.0
_SUBJECTS = ("a calm sea", "a lighthouse", "wind over wheat", "a geometric quilt", "ferns", "a city at night")


@dataclass(frozen=True)
class Way:
    """Who is asked for a batch, and how."""

    providers: tuple[ProviderName, ...]
    mode: Mode = Mode.REALTIME
    first_is_moderated: bool = False


WAYS = (
    Way((ProviderName.STUDIO,)),
    Way((ProviderName.GEMINI,), mode=Mode.BATCH),
    Way((ProviderName.FLUX,)),
    Way((ProviderName.RUNPOD,)),
    Way((ProviderName.COMFYUI,)),
    Way((ProviderName.OPENAI,)),
    Way((ProviderName.OPENAI, ProviderName.COMFYUI), first_is_moderated=True),
)
"""Seven, and every fourth batch is asked for by event, every third by who pays: each comes each way."""


@dataclass(frozen=True)
class Payer:
    """A user who pays, logged in."""

    id: str
    token: str


async def slow_openai(facts: InstanceFacts) -> None:
    """Let each call take a while. It is read first, and so it is billed also when nobody waits for it any more."""
    fault = {"vendor": "openai", "kind": "slow", "match": "POST", "match_body": ".", "times": -1}
    async with httpx.AsyncClient(base_url=facts.sandbox_url or "") as http:
        (await http.post("/_sandbox/faults", json={**fault, "seconds": _OPENAI_SECONDS})).raise_for_status()


@dataclass
class Load:
    """`acknowledged`: the ids of batches that Pressroom said it has, with how many images each wants. `given`: the
    credits that it said it has booked, by owner."""

    facts: InstanceFacts
    dice: random.Random
    acknowledged: dict[str, int] = field(default_factory=dict[str, int])
    given: dict[str, Millicredits] = field(default_factory=dict[str, Millicredits])
    payer: Payer | None = None

    async def let_a_payer_in(self) -> None:
        """While nothing is killed yet."""
        login = {"email": "payer@example.com", "password": secrets.token_urlsafe(12)}
        async with self._client() as http:
            made = (await http.post("/v1/users", json=login)).raise_for_status()
            logged_in = (await http.post("/auth/login", json=login)).raise_for_status()
        user = User.model_validate_json(made.content)
        self.payer = Payer(user.id, LoggedIn.model_validate_json(logged_in.content).token)
        self.given[user.id] = 0

    async def ask(self, js: JetStreamContext, number: int) -> None:
        """One batch: the ways in turn, every fourth of all by event instead of HTTP, every third by who pays."""
        request = self._request(number)
        payer = self.payer if number % 3 == 1 else None
        if number % 3 != 2 and request.provider in _BY_THE_PICTURE:
            request = await self._capped(request)
        if payer is not None:
            await self._give(payer, f"chaos-credits-{number}")
        if number % 4 == 3:
            await self._ask_by_event(js, f"chaos-{number}", request, payer)
        else:
            await self._ask_by_http(f"chaos-key-{number}", request, payer)

    async def approve_all(self, js: JetStreamContext) -> None:
        """Approve each image as it is made; runs until it is cancelled."""
        async with self._client() as http, self._client(self.payer) as payers:
            async for tailed in tail(js, ALL_EVENTS, EVERYTHING, idle_s=1.0):
                if tailed and tailed.event and isinstance(tailed.event.data, ImageGenerated):
                    path = f"/v1/images/{tailed.event.data.image_id}/approve"
                    answer = await self._answered(http, "POST", path)
                    if answer.status_code == HTTPStatus.NOT_FOUND:
                        answer = await self._answered(payers, "POST", path)
                    answer.raise_for_status()

    def _request(self, number: int) -> BatchRequest:
        printify = PublishTarget(platform=PlatformName.PRINTIFY, product_type=ProductType.T_SHIRT)
        shopify = PublishTarget(platform=PlatformName.SHOPIFY, product_type=ProductType.POSTER)
        targets = self.dice.choice(((printify,), (shopify,), (printify, shopify)))
        count = self.dice.randint(1, _IMAGES_MAX)
        # Every prompt is used once, so that the sandbox can tell a picture that was made twice.
        way = WAYS[number % len(WAYS)]
        prompts = [f"{self.dice.choice(_SUBJECTS)}, number {number}-{index}" for index in range(count)]
        if way.first_is_moderated:
            prompts[0] += f" {MODERATED}"
        alone = way.providers[0] if len(way.providers) == 1 else None
        return BatchRequest(
            provider=alone,
            providers=() if alone else way.providers,
            mode=way.mode,
            images=tuple(ImageRequest(prompt=prompt) for prompt in prompts),
            width=_WIDTH_PX,
            height=_HEIGHT_PX,
            profile=NO_PROFILE,
            auto_publish=targets,
            title=f"Chaos {number}",
        )

    async def _capped(self, request: BatchRequest) -> BatchRequest:
        """With a cap of exactly what it costs."""
        async with self._client() as http:
            answer = await self._answered(http, "POST", "/v1/batches/estimate", json=_body(request))
        cost = Estimate.model_validate_json(answer.raise_for_status().content).cost_usd
        assert cost, f"nobody knows what it costs: {answer.text}"
        return request.model_copy(update={"max_cost": cost})

    async def _give(self, payer: Payer, key: str) -> None:
        async with self._client() as http:
            body = {"amount": str(_CREDITS_EACH), "note": key}
            path = f"/v1/users/{payer.id}/credits"
            answer = await self._answered(http, "POST", path, json=body, headers={"Idempotency-Key": key})
        answer.raise_for_status()
        self.given[payer.id] += as_millicredits(_CREDITS_EACH)

    async def _ask_by_http(self, key: str, request: BatchRequest, payer: Payer | None) -> None:
        async with self._client(payer) as http:
            headers = {"Idempotency-Key": key}
            answer = await self._answered(http, "POST", "/v1/batches", json=_body(request), headers=headers)
        if payer is not None and answer.status_code == HTTPStatus.PAYMENT_REQUIRED:
            return
        self.acknowledged[Batch.model_validate_json(answer.raise_for_status().content).id] = request.image_count

    async def _ask_by_event(
        self, js: JetStreamContext, batch_id: str, request: BatchRequest, payer: Payer | None
    ) -> None:
        event = BatchRequested(batch_id=batch_id, owner=payer.id if payer else INSTANCE_OWNER, request=request)
        headers = headers_for(event.type_name(), source="chaos", event_id=f"evt-{batch_id}")
        while True:
            try:
                subject, body = event_subject(event), body_of(event)
                await js.publish(subject, body, stream=EVENTS_STREAM, headers=headers, timeout=_ANSWER_WITHIN_S)
            except (nats.errors.Error, nats.js.errors.Error, OSError):
                await asyncio.sleep(AGAIN_AFTER_S)
            else:
                self.acknowledged[batch_id] = request.image_count
                return

    def _client(self, payer: Payer | None = None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {payer.token if payer else self.facts.token}"}
        return httpx.AsyncClient(base_url=self.facts.url, headers=headers, timeout=_ANSWER_WITHIN_S)

    async def _answered(
        self,
        http: httpx.AsyncClient,
        method: str,
        path: str,
        *,
        json: object = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """The answer; asked again while the gateway or what it stands on is away."""
        while True:
            try:
                response = await http.request(method, path, json=json, headers=headers)
            except httpx.HTTPError:
                response = None
            if response is not None and not response.is_server_error:
                return response
            await asyncio.sleep(AGAIN_AFTER_S)


def _body(request: BatchRequest) -> dict[str, object]:
    return request.model_dump(mode="json", exclude_unset=True)
