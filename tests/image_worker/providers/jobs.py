"""What a provider must do that keeps a job at a vendor of the sandbox and looks at it by HTTP, beyond the suite of
all."""

import re
from typing import Any, ClassVar, TypeVar

import pytest

from pressroom.image_worker.providers import JobProvider, NotConfigured, RemoteJobOver

from .backstages import SandboxBackstage
from .conformance import ProviderConformance, Trouble, ignore, picture_of

MadeJob = TypeVar("MadeJob", bound=JobProvider)

KEY = "1c2d3e4f-0000-4000-8000-000000000000"
SHORT_TIMEOUT_S = 0.7


class JobBackstage(SandboxBackstage[MadeJob]):
    """The provider before the sandbox."""

    looks: ClassVar[str]
    """The requests that ask what became of a job."""

    async def a_ref(self, **changes: object) -> str:
        """A job that was asked for."""
        return await self.provider.submit(self.request(**changes), KEY)

    def arrange(self, trouble: Trouble) -> bool:
        if trouble is not Trouble.SLOW:
            return False
        self.fault("slow", seconds=2)
        self.replace(**{f"{self.vendor}_timeout_s": SHORT_TIMEOUT_S})
        return True


class JobConformance(ProviderConformance):
    """Subclass as `Test…` and give a `backstage` fixture of a `JobBackstage`."""

    most_pixels: ClassVar[int]
    side_multiple: ClassVar[int]

    async def test_without_a_key_it_names_the_setting(self, backstage: JobBackstage[Any]) -> None:
        with pytest.raises(NotConfigured, match=self.key_setting):
            backstage.another(**{f"{backstage.vendor}_api_key": None})

    async def test_a_large_size_is_brought_to_the_most_pixels_in_whole_steps(
        self, backstage: JobBackstage[Any]
    ) -> None:
        await backstage.a_ref(width_px=4500, height_px=5400)
        heard = backstage.heard()

        assert heard.width_px is not None
        assert heard.height_px is not None
        assert heard.width_px % self.side_multiple == heard.height_px % self.side_multiple == 0
        assert 0.93 * self.most_pixels < heard.width_px * heard.height_px <= self.most_pixels

    @pytest.mark.parametrize(
        "fault",
        ["500", "429_retry_after", "html", "html_200", "truncate", "bad_json", "cut_before", "cut_after_effect"],
    )
    async def test_troubles_while_looking_are_waited_out(self, backstage: JobBackstage[Any], fault: str) -> None:
        ref = await backstage.a_ref()
        backstage.fault(fault, backstage.looks, seconds=0.1)

        picture_of((await backstage.provider.resume(ref, backstage.request(), ignore)).data)
        assert backstage.made() == 1

    async def test_a_ref_that_cannot_be_read_ends_the_job(self, backstage: JobBackstage[Any]) -> None:
        with pytest.raises(RemoteJobOver, match=re.escape(self.vendor)):
            await backstage.provider.resume("what is this", backstage.request(), ignore)
