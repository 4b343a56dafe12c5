"""What a provider must do that answers with the picture in one call, beyond the suite of all. It stands before the
sandbox, with a relay between them."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from pressroom.contracts.vocabulary import ProviderName
from pressroom.image_worker.configured import MAKERS
from pressroom.image_worker.providers import GenerationRequest, NotConfigured
from pressroom.image_worker.settings import ImageWorkerSettings
from pressroom.runtime.errors import ApiFailed, InvalidRequest, RateLimited, TimedOut, WorkError

from ...vendor_sandbox import VendorSandbox
from .backstages import Made, SandboxBackstage
from .conformance import ProviderConformance, Trouble, a_picture, draw
from .relay import Relay

SHORT_TIMEOUT_S = 1.0


class CallBackstage(SandboxBackstage[Made]):
    """The provider before the sandbox, with a relay between them."""

    answers: ClassVar[Mapping[Trouble, tuple[int, object]]] = {}
    """Troubles that the relay answers in the vendor's place: the status and the body."""

    def __init__(self, vendors: VendorSandbox, relay: Relay, settings: dict[str, object]) -> None:
        self.relay = relay
        super().__init__(vendors, settings)

    def long_request(self) -> GenerationRequest:
        self.relay.hold_words = b"drawn slowly"
        return self.request(prompt="a fox in a raincoat, drawn slowly")

    def arrange(self, trouble: Trouble) -> bool:
        if trouble is Trouble.SLOW:
            self.replace(**{f"{self.vendor}_timeout_s": SHORT_TIMEOUT_S})
            self.relay.hold_next = True
        elif answer := self.answers.get(trouble):
            self.relay.answer(*answer)
        else:
            return False
        return True


class CallConformance(ProviderConformance):
    """Subclass as `Test…` and give a `backstage` fixture of a `CallBackstage`."""

    provider_name: ClassVar[ProviderName]

    @pytest.mark.parametrize("data", [b"", b"GIF89a", b"<svg/>"])
    async def test_a_reference_that_it_cannot_read_is_refused_before_it_is_sent(
        self, backstage: CallBackstage[Any], data: bytes
    ) -> None:
        with pytest.raises(InvalidRequest, match="reference picture 2 is no PNG, JPEG or WebP"):
            await draw(backstage, input_images=(a_picture(), data))

        assert backstage.relay.seen == []

    async def test_a_price_is_not_made_up(self, backstage: CallBackstage[Any]) -> None:
        made = await draw(backstage)

        assert (made.cost_microusd, made.gpu_seconds) == (None, None)
        assert made.model == backstage.provider.model

    @pytest.mark.parametrize(
        "body",
        [b"", b"null", b"[]", b"{}", b"<html><body>It works!</body></html>", b"\xff\xfe\x00"],
        ids=["nothing", "null", "list", "object", "page", "not-utf-8"],
    )
    async def test_rubbish_is_the_vendor_s_failure_and_says_so(
        self, backstage: CallBackstage[Any], body: bytes
    ) -> None:
        backstage.relay.answer(200, body)

        with pytest.raises(ApiFailed, match=self.vendor):
            await draw(backstage)

    @pytest.mark.parametrize(
        ("fault", "error"),
        [("503", ApiFailed), ("504", TimedOut), ("html", ApiFailed), ("bad_json", ApiFailed), ("429", RateLimited)],
    )
    async def test_every_way_to_fail_has_its_kind(
        self, backstage: CallBackstage[Any], fault: str, error: type[WorkError]
    ) -> None:
        backstage.fault(fault)

        with pytest.raises(error):
            await draw(backstage)

    async def test_a_dead_model_is_named_beside_the_setting(self, backstage: CallBackstage[Any]) -> None:
        error = await self.meet(backstage, Trouble.DEAD_MODEL)

        assert f"'{backstage.provider.model}' that makes pictures: set {self.model_setting}" in str(error)

    @pytest.mark.parametrize("key", [None, ""])
    def test_without_a_key_the_provider_names_the_setting(self, key: str | None) -> None:
        settings = ImageWorkerSettings.model_validate({_field_of(self.key_setting): key})

        with pytest.raises(NotConfigured, match=self.key_setting):
            MAKERS[self.provider_name](settings)

    async def test_a_worker_with_a_key_has_the_provider(self) -> None:
        told = {_field_of(self.key_setting): "a-key", _field_of(self.model_setting): "a-model"}
        provider = MAKERS[self.provider_name](ImageWorkerSettings.model_validate(told))

        assert (provider.name, provider.model) == (self.provider_name, "a-model")
        await provider.aclose()


def _field_of(setting: str) -> str:
    return setting.removeprefix("PRESSROOM_").lower()
