"""`./run bench diffusers`: what the diffusers lane costs beside a bare loop over the same pipeline.

The model is `PRESSROOM_DIFFUSERS_MODEL`, or `--model` of `python -m benchmarks.diffusers`, or a tiny one of random
weights; the device as the lane chooses it. The bare loop calls the pipeline and keeps the picture in memory; the lane
also hands each to another thread and packs it into a PNG. Both warm up first and take turns.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pressroom.contracts.vocabulary import ProviderName
from pressroom.image_worker.diffusers_local.provider import PACKAGES, DiffusersProvider
from pressroom.image_worker.diffusers_local.settings import DiffusersSettings
from pressroom.image_worker.providers import GenerationRequest

from .table import Table

ROUNDS = 4
GOAL = 0.97
GUIDANCE = 3.5
PROMPT = "a red fox in a snowy forest, woodcut print, number {number}"


@dataclass(frozen=True)
class Load:
    images: int
    side_px: int
    steps: int


ON_CPU = Load(images=10, side_px=256, steps=20)
ON_GPU = Load(images=8, side_px=1024, steps=28)


async def measure(model: str | None = None) -> Table:
    try:
        import torch
    except ImportError:
        raise SystemExit(f"{', '.join(PACKAGES)} are needed: ./run extra diffusers") from None
    with tempfile.TemporaryDirectory(prefix="pressroom-bench-") as folder:
        settings = DiffusersSettings()
        wanted = model or settings.diffusers_model or _tiny(Path(folder))
        provider = DiffusersProvider(settings.model_copy(update={"diffusers_model": wanted}))
        is_gpu = torch.cuda.is_available() and settings.diffusers_device != "cpu"
        load = ON_GPU if is_gpu else ON_CPU
        try:
            times = await _take_turns(provider, load)
        finally:
            await provider.aclose()
    images = load.images * ROUNDS
    rates = {name: images / taken_s for name, taken_s in times.items()}
    bare, lane = rates["bare loop"], rates["lane, a prompt each"]
    return Table(
        title=f"diffusers: {images} images of {load.side_px} px in {load.steps} steps, {provider.model} on "
        f"{'cuda' if is_gpu else 'cpu'}",
        columns=("", "images/s", "ms per image", "to bare"),
        rows=[
            (name, f"{rate:.2f}", f"{1000 / rate:.1f}", "" if rate == bare else f"{rate / bare:.3f}")
            for name, rate in rates.items()
        ],
        note=f"ratio to bare {lane / bare:.3f} (goal on a GPU {GOAL})",
        metrics={
            "images_per_s": round(lane, 3),
            "bare_images_per_s": round(bare, 3),
            "ratio_to_bare": round(lane / bare, 3),
            "ratio_one_at_a_time": round(rates["lane, one at a time"] / bare, 3),
            "ratio_one_prompt": round(rates["lane, one prompt"] / bare, 3),
        },
    )


async def _take_turns(provider: DiffusersProvider, load: Load) -> dict[str, float]:
    await _lane(provider, load, 1, lambda: 0)
    engine: Any = provider._engine
    pipeline = engine._way.pipeline
    numbers = iter(range(10**9))
    at_once = provider.capabilities.at_once
    times: dict[str, float] = {}

    def add(name: str, began: float) -> None:
        times[name] = times.get(name, 0.0) + time.perf_counter() - began

    for _ in range(ROUNDS):
        began = time.perf_counter()
        await asyncio.to_thread(_bare, pipeline, load, numbers)
        add("bare loop", began)
        began = time.perf_counter()
        await _lane(provider, load, at_once, numbers.__next__)
        add("lane, a prompt each", began)
        began = time.perf_counter()
        await _lane(provider, load, 1, numbers.__next__)
        add("lane, one at a time", began)
        began = time.perf_counter()
        await _lane(provider, load, at_once, lambda: 0)
        add("lane, one prompt", began)
    return times


def _bare(pipeline: Any, load: Load, numbers: Iterator[int]) -> None:
    import torch

    # The lane's memory of the last prompts stands in the instance; the bare loop has none.
    remembered = pipeline.__dict__.pop("encode_prompt", None)
    with torch.inference_mode():
        for _ in range(load.images):
            number = next(numbers)
            made = pipeline(
                prompt=PROMPT.format(number=number),
                width=load.side_px,
                height=load.side_px,
                num_inference_steps=load.steps,
                guidance_scale=GUIDANCE,
                generator=torch.Generator("cpu").manual_seed(number),
            )
            assert made.images[0].width == load.side_px
    if remembered is not None:
        pipeline.encode_prompt = remembered


async def _lane(provider: DiffusersProvider, load: Load, at_once: int, prompt_number: Callable[[], int]) -> None:
    """As many images as the bare loop makes, as a worker asks for them."""
    assert provider.name is ProviderName.DIFFUSERS
    seeds = iter(range(load.images))

    async def one_after_the_other() -> None:
        for seed in seeds:
            request = GenerationRequest(
                image_id=f"bench-{seed}",
                prompt=PROMPT.format(number=prompt_number()),
                negative_prompt=None,
                model=None,
                seed=seed,
                width_px=load.side_px,
                height_px=load.side_px,
                steps=load.steps,
                guidance=GUIDANCE,
            )
            await provider.generate(request, lambda _part: None)

    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))


def _tiny(folder: Path) -> str:
    from pressroom.image_worker.diffusers_local.tiny_model import make_tiny_flux

    return str(make_tiny_flux(folder / "tiny-flux"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diffusers")
    parser.add_argument("--model", help="a diffusers model's folder or name; a tiny one when absent")
    table = asyncio.run(measure(parser.parse_args().model))
    table.show(sys.stdout)
    print(table.metrics)


if __name__ == "__main__":
    main()
