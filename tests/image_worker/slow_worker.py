"""An image-worker in a process of its own whose provider takes its time and writes down what it did: to be killed."""

import asyncio
import sys
from pathlib import Path

from pressroom.contracts.capabilities import Capabilities
from pressroom.contracts.vocabulary import ProviderName
from pressroom.image_worker.app import build
from pressroom.image_worker.providers import Generation, GenerationRequest, Progress
from pressroom.image_worker.settings import ImageWorkerSettings


class SlowProvider:
    name = ProviderName.STUDIO
    model: str | None = "slow"
    capabilities = Capabilities(prompt_max_characters=1000)

    def __init__(self, log: Path, seconds: float) -> None:
        self._log = log
        self._seconds = seconds

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        self._note(f"began {request.image_id}")
        await asyncio.sleep(self._seconds)
        self._note(f"ended {request.image_id}")
        return Generation(b"", model="slow")

    def _note(self, line: str) -> None:
        with self._log.open("a") as log:
            log.write(line + "\n")

    async def aclose(self) -> None:
        return None


async def main() -> None:
    provider = SlowProvider(Path(sys.argv[1]), float(sys.argv[2]))
    async with build(ImageWorkerSettings(), {ProviderName.STUDIO: provider}).start_lifespan_context():
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
