"""Whatever the OpenAPI document allows and forbids, asked by Schemathesis with all of its checks: nothing is answered
with a server's error or a status, a header or a body that the document does not name; what it forbids is refused."""

import asyncio
import re
import sys
from pathlib import Path
from string import Template

import pytest

from pressroom.contracts.vocabulary import ProviderName
from pressroom.gateway.api import openapi_document

from ..house import House
from .people import a_user, token_of
from .serving import TOKEN, serving
from .test_notices import a_notice
from .test_provider_jobs import stored as a_job

HERE = Path(__file__).parent
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
OVER = 0
"""Its exit status when nothing was found."""


async def fuzzed(house: House, folder: Path, *, examples: int, seed: int | None) -> str:
    """What Schemathesis says of a gateway that has one of everything, when it found nothing. `examples`: how many of
    each route it makes up, beside those that follow from the document; the same ones unless there is a `seed`."""
    for name in ProviderName:
        await house.open_lane(name)
    lone = ProviderName.STUDIO
    own = {
        "live_lifetime_s": 1.0,
        "generate_wait_s": 0,
        "generate_providers": (lone,),
        "batch_create_providers": (lone,),
        # Each route is also asked by nobody, over and over.
        "refused_calls_per_minute_from_one_address": 10_000_000,
    }
    async with serving(house, **own) as gateway:
        image, text = await gateway.image(), await gateway.image()
        await house.database.images.change(text, {"text_kind": "plain", "text": "once upon a time"})
        batch = image.rpartition("-")[0]
        payer = await a_user(house)
        there_is = {
            "hooks": HERE / "fuzz_hooks.py",
            "instance": TOKEN,
            "payer": token_of(payer),
            "batch": batch,
            "image": image,
            "text": text,
            "job": (await a_job(gateway, f"{batch}-job-0")).id,
            "notice": (await a_notice(house, failed=True)).id,
            "user": payer.id,
        }
        config = folder / "schemathesis.toml"
        config.write_text(Template((HERE / "schemathesis.toml").read_text()).substitute(there_is))
        same = ["--generation-deterministic"] if seed is None else ["--seed", str(seed), "--generation-database=none"]
        words = ["run", f"{gateway.url}/openapi.json", "--checks=all", f"--max-examples={examples}", *same]
        told = folder / "told.txt"
        with told.open("wb") as file:
            program = await asyncio.create_subprocess_exec(
                SCHEMATHESIS,
                f"--config-file={config}",
                *words,
                stdout=file,
                stderr=asyncio.subprocess.STDOUT,
                cwd=folder,
            )
            status = await program.wait()
    assert status == OVER, told.read_text()
    return told.read_text()


@pytest.mark.timeout(600)
async def test_the_gateway_answers_as_its_document_says(house: House, tmp_path: Path) -> None:
    said = await fuzzed(house, tmp_path, examples=4, seed=None)
    routes = sum(len(operations) for operations in openapi_document()["paths"].values())
    assert re.search(rf"Tested: {routes}$", said, re.MULTILINE), said


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [1, 2])
async def test_many_more_requests_find_nothing_either(house: House, tmp_path: Path, seed: int) -> None:
    await fuzzed(house, tmp_path, examples=200, seed=seed)
