"""The diffusers lane with real pipelines of random weights. The tests run where torch is installed (`./run extra
diffusers`); the summary of a test run says when they did not."""

import asyncio
import functools
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pressroom.contracts.requests import Adapter
from pressroom.contracts.vocabulary import AdapterKind
from pressroom.image_worker.diffusers_local import provider as provider_module
from pressroom.image_worker.diffusers_local.provider import DiffusersProvider, diffusers_provider
from pressroom.image_worker.diffusers_local.settings import DiffusersSettings
from pressroom.image_worker.providers import GenerationRequest, NotConfigured
from pressroom.runtime.errors import ApiFailed, InvalidRequest, ModelGone

from .conformance import (
    Heard,
    ProviderConformance,
    Trouble,
    a_picture,
    a_request,
    changed,
    picture_of,
    same_picture,
    until,
)

HAS_TORCH = all(importlib.util.find_spec(name) for name in provider_module.PACKAGES)
LONG_STEPS = 150
CUDA_SAID = (
    "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 23.64 GiB of which 1.32 GiB is "
    "free. Process 4711 has 22.31 GiB memory in use."
)


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `flux` and `stable-diffusion`. Skips what asks for it where there is no torch."""
    if not HAS_TORCH:
        pytest.skip("torch is not installed; ./run extra diffusers")
    from pressroom.image_worker.diffusers_local.tiny_model import make_tiny_flux, make_tiny_stable_diffusion

    folder = tmp_path_factory.mktemp("tiny-models")
    make_tiny_flux(folder / "flux")
    make_tiny_stable_diffusion(folder / "stable-diffusion")
    return folder


@pytest.fixture
def adapters_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "adapters"
    folder.mkdir()
    return folder


@pytest.fixture(params=["flux", "stable-diffusion"])
async def provider(
    request: pytest.FixtureRequest, tiny_models: Path, adapters_dir: Path
) -> AsyncIterator[DiffusersProvider]:
    """A lane of each family."""
    made = DiffusersProvider(_settings(tiny_models / request.param, diffusers_adapters_dir=adapters_dir))
    yield made
    await made.aclose()


@pytest.fixture
async def stable_diffusion(tiny_models: Path, adapters_dir: Path) -> AsyncIterator[DiffusersProvider]:
    made = DiffusersProvider(_settings(tiny_models / "stable-diffusion", diffusers_adapters_dir=adapters_dir))
    yield made
    await made.aclose()


class DiffusersBackstage:
    """Listens in on the pipelines' calls, and on what they raise."""

    def __init__(self, model: Path, patch: pytest.MonkeyPatch) -> None:
        from diffusers import FluxImg2ImgPipeline, FluxPipeline

        self._model = model
        self._calls: list[Heard] = []
        self._stopped = 0
        self._providers: list[DiffusersProvider] = []
        for kind in (FluxPipeline, FluxImg2ImgPipeline):
            patch.setattr(kind, "__call__", self._listening(kind.__call__))
        self.provider = self.another()

    def another(self) -> DiffusersProvider:
        made = DiffusersProvider(_settings(self._model))
        self._providers.append(made)
        return made

    def request(self, **changes: object) -> GenerationRequest:
        return changed(replace(a_request(), steps=2), **changes)

    def long_request(self) -> GenerationRequest:
        return self.request(steps=LONG_STEPS)

    def made(self) -> int:
        return len(self._calls)

    def stopped(self) -> int:
        return self._stopped

    def heard(self) -> Heard:
        return self._calls[-1]

    def trouble(self, trouble: Trouble) -> bool:
        if trouble is not Trouble.DEAD_MODEL:
            return False
        self._model = self._model.with_name("removed")
        self.provider = self.another()
        return True

    async def aclose(self) -> None:
        for made in self._providers:
            await made.aclose()

    def _listening(self, call: Callable[..., Any]) -> Callable[..., Any]:
        from pressroom.image_worker.diffusers_local.engine import Stopped

        @functools.wraps(call)
        def listened(pipeline: Any, **arguments: Any) -> Any:
            self._calls.append(_heard(arguments))
            try:
                return call(pipeline, **arguments)
            except Stopped:
                self._stopped += 1
                raise

        return listened


@pytest.fixture
async def backstage(tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DiffusersBackstage]:
    stage = DiffusersBackstage(tiny_models / "flux", monkeypatch)
    yield stage
    await stage.aclose()


class TestDiffusers(ProviderConformance):
    vendor = "diffusers"
    model_setting = "PRESSROOM_DIFFUSERS_MODEL"


async def test_a_cancelled_picture_stops_at_its_next_step_and_the_next_one_is_made(provider: DiffusersProvider) -> None:
    told: list[float] = []
    call = asyncio.create_task(provider.generate(_request(steps=LONG_STEPS), told.append))
    await until(lambda: len(told) > 2)

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    made = await provider.generate(_request(), _ignore)

    assert picture_of(made.data).width == 64
    assert len(told) < LONG_STEPS


async def test_after_a_cancelled_picture_the_same_seed_makes_the_same(provider: DiffusersProvider) -> None:
    alone = await provider.generate(_request(), _ignore)
    told: list[float] = []
    call = asyncio.create_task(provider.generate(_request(steps=LONG_STEPS, seed=9), told.append))
    await until(lambda: bool(told))
    call.cancel()
    await asyncio.wait([call])

    assert (await provider.generate(_request(), _ignore)).data == alone.data


async def test_a_picture_that_waits_for_its_turn_is_cancelled_at_once(provider: DiffusersProvider) -> None:
    told: list[float] = []
    first = asyncio.create_task(provider.generate(_request(steps=LONG_STEPS), told.append))
    await until(lambda: bool(told))
    second = asyncio.create_task(provider.generate(_request(), _ignore))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])

    assert second.cancelled()
    assert not first.done()
    first.cancel()
    await asyncio.wait([first])


async def test_a_lane_that_closes_stops_the_picture_in_the_making(tiny_models: Path) -> None:
    provider = DiffusersProvider(_settings(tiny_models / "flux"))
    told: list[float] = []
    call = asyncio.create_task(provider.generate(_request(steps=LONG_STEPS), told.append))
    await until(lambda: bool(told))

    await provider.aclose()
    await asyncio.wait([call])

    assert len(told) < LONG_STEPS
    assert call.exception() is not None


# Signatures


async def test_a_model_that_is_guided_against_a_prompt_takes_one_and_flux_does_not(provider: DiffusersProvider) -> None:
    plain = await provider.generate(_request(), _ignore)
    against = await provider.generate(_request(negative_prompt="rain and snow"), _ignore)

    assert provider.capabilities.negative_prompt is (provider.model == "stable-diffusion")
    assert same_picture(plain.data, against.data) is not provider.capabilities.negative_prompt


async def test_what_it_can_before_it_is_loaded_is_what_it_can_afterwards_but_for_finer_sizes(
    provider: DiffusersProvider,
) -> None:
    before = provider.capabilities
    await provider.generate(_request(), _ignore)
    after = provider.capabilities

    assert after.model_copy(update={"sizes": before.sizes}) == before
    assert before.sizes.side_multiple % after.sizes.side_multiple == 0


async def test_a_reference_picture_shows_in_what_is_made_of_it(provider: DiffusersProvider) -> None:
    dark = await provider.generate(_request(input_images=(a_picture(0),), steps=4), _ignore)
    light = await provider.generate(_request(input_images=(a_picture(12),), steps=4), _ignore)

    assert dark.data != light.data


async def test_one_step_from_a_reference_picture_is_one_step_at_least(provider: DiffusersProvider) -> None:
    made = await provider.generate(_request(input_images=(a_picture(),), steps=1), _ignore)

    assert picture_of(made.data).width == 64


async def test_a_reference_picture_that_is_none_is_refused(provider: DiffusersProvider) -> None:
    with pytest.raises(InvalidRequest, match="reference picture"):
        await provider.generate(_request(input_images=(b"no picture",)), _ignore)


async def test_the_prompt_is_encoded_once_for_a_batch_of_one_prompt(provider: DiffusersProvider) -> None:
    await provider.generate(_request(), _ignore)
    encoder = _pipeline(provider).text_encoder
    asked: list[object] = []
    handle = encoder.register_forward_hook(lambda *said: asked.append(said))

    for seed in range(3):
        await provider.generate(_request(seed=seed), _ignore)
    assert not asked

    await provider.generate(_request(prompt="a bear"), _ignore)
    handle.remove()
    assert asked


# Memory


async def test_a_picture_that_is_too_much_is_made_in_pieces(provider: DiffusersProvider) -> None:
    expected = await provider.generate(_request(), _ignore)
    async with _out_of_memory(provider, times=1) as raised:
        made = await provider.generate(_request(), _ignore)

    assert raised() == 1
    assert same_picture(made.data, expected.data)
    assert _pipeline(provider).vae.use_tiling
    assert _pipeline(provider).vae.use_slicing


async def test_a_picture_that_is_still_too_much_says_what_to_lower_and_the_next_one_is_made(
    provider: DiffusersProvider,
) -> None:
    async with _out_of_memory(provider, times=2) as raised:
        with pytest.raises(ApiFailed, match=r"64x64.*PRESSROOM_DIFFUSERS_DTYPE"):
            await provider.generate(_request(), _ignore)
    assert raised() == 2

    assert picture_of((await provider.generate(_request(), _ignore)).data).width == 64


async def test_want_of_memory_that_comes_as_a_plain_error_is_one(provider: DiffusersProvider) -> None:
    def raising() -> Exception:
        return RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory")

    async with _out_of_memory(provider, times=1, raising=raising) as raised:
        await provider.generate(_request(), _ignore)

    assert raised() == 1


async def test_numbers_that_are_none_are_an_error_and_no_black_picture(provider: DiffusersProvider) -> None:
    await provider.generate(_request(), _ignore)
    handle = _pipeline(provider).vae.decoder.register_forward_hook(lambda _module, _given, out: out * float("nan"))

    with pytest.raises(ApiFailed, match="PRESSROOM_DIFFUSERS_DTYPE"):
        await provider.generate(_request(), _ignore)
    handle.remove()


# Adapters


async def test_a_lora_changes_the_picture_and_is_gone_for_the_next(
    provider: DiffusersProvider, adapters_dir: Path
) -> None:
    plain = await provider.generate(_request(), _ignore)
    _write_lora(adapters_dir / "woodcut.v2.safetensors", _pipeline(provider))
    wearing = _request(adapters=(Adapter(kind=AdapterKind.LORA, name="woodcut.v2"),))

    first = await provider.generate(wearing, _ignore)
    after = await provider.generate(_request(), _ignore)
    again = await provider.generate(wearing, _ignore)

    assert not same_picture(plain.data, first.data)
    assert after.data == plain.data
    assert again.data == first.data


async def test_a_lora_counts_by_its_weight(provider: DiffusersProvider, adapters_dir: Path) -> None:
    plain = await provider.generate(_request(), _ignore)
    _write_lora(adapters_dir / "woodcut.safetensors", _pipeline(provider))

    def wearing(weight: float) -> GenerationRequest:
        return _request(adapters=(Adapter(kind=AdapterKind.LORA, name="woodcut", weight=weight),))

    none, half, whole = [await provider.generate(wearing(weight), _ignore) for weight in (0.0, 0.5, 1.0)]

    assert same_picture(none.data, plain.data)
    assert not same_picture(half.data, plain.data)
    assert not same_picture(half.data, whole.data)


async def test_a_lora_that_was_replaced_under_its_name_is_read_again(
    provider: DiffusersProvider, adapters_dir: Path
) -> None:
    wearing = _request(adapters=(Adapter(kind=AdapterKind.LORA, name="woodcut"),))
    await provider.generate(_request(), _ignore)
    _write_lora(adapters_dir / "woodcut.safetensors", _pipeline(provider), seed=1)
    first = await provider.generate(wearing, _ignore)
    _write_lora(adapters_dir / "woodcut.safetensors", _pipeline(provider), seed=2)

    assert not same_picture(first.data, (await provider.generate(wearing, _ignore)).data)


async def test_many_loras_one_after_the_other_do_not_pile_up(provider: DiffusersProvider, adapters_dir: Path) -> None:
    from pressroom.image_worker.diffusers_local.loras import KEPT

    await provider.generate(_request(), _ignore)
    for number in range(KEPT + 3):
        _write_lora(adapters_dir / f"lora-{number}.safetensors", _pipeline(provider), seed=number)
        adapter = Adapter(kind=AdapterKind.LORA, name=f"lora-{number}")
        await provider.generate(_request(adapters=(adapter,), steps=1), _ignore)

    loaded = {key for keys in _pipeline(provider).get_list_adapters().values() for key in keys}
    assert len(loaded) == KEPT


async def test_an_embedding_is_a_word_for_its_image_and_none_for_the_next(
    provider: DiffusersProvider, adapters_dir: Path
) -> None:
    _write_embedding(adapters_dir / "Mary-v1.safetensors")
    request = _request(prompt="mary-v1 in a garden", guidance=7.0)
    wearing = replace(request, adapters=(Adapter(kind=AdapterKind.EMBEDDING, name="Mary-v1"),))

    plain = await provider.generate(request, _ignore)
    worn = await provider.generate(wearing, _ignore)
    after = await provider.generate(request, _ignore)
    again = await provider.generate(wearing, _ignore)

    assert worn.data != plain.data
    assert after.data == plain.data
    assert again.data == worn.data


async def test_an_embedding_that_the_prompt_does_not_name_is_put_before_it(
    stable_diffusion: DiffusersProvider, adapters_dir: Path
) -> None:
    _write_embedding(adapters_dir / "mary.safetensors")
    adapters = (Adapter(kind=AdapterKind.EMBEDDING, name="mary"),)

    unsaid = await stable_diffusion.generate(_request(prompt="a garden", adapters=adapters), _ignore)
    said = await stable_diffusion.generate(_request(prompt="mary, a garden", adapters=adapters), _ignore)
    in_brackets = await stable_diffusion.generate(_request(prompt="<mary>, a garden", adapters=adapters), _ignore)
    against = await stable_diffusion.generate(
        _request(prompt="a garden", negative_prompt="mary", adapters=adapters), _ignore
    )

    assert unsaid.data == said.data == in_brackets.data
    assert against.data != unsaid.data


async def test_an_embedding_counts_by_its_weight(stable_diffusion: DiffusersProvider, adapters_dir: Path) -> None:
    _write_embedding(adapters_dir / "mary.safetensors")
    made = [
        await stable_diffusion.generate(
            _request(adapters=(Adapter(kind=AdapterKind.EMBEDDING, name="mary", weight=weight),)), _ignore
        )
        for weight in (0.5, 1.0)
    ]

    assert made[0].data != made[1].data


@pytest.mark.parametrize("kind", AdapterKind)
async def test_a_missing_adapter_is_named_with_those_that_there_are(
    provider: DiffusersProvider, adapters_dir: Path, kind: AdapterKind
) -> None:
    (adapters_dir / "woodcut.safetensors").write_bytes(b"")
    (adapters_dir / "notes.txt").write_text("")

    with pytest.raises(InvalidRequest, match=r"'linocut'.*there are woodcut$"):
        await provider.generate(_request(adapters=(Adapter(kind=kind, name="linocut"),)), _ignore)


@pytest.mark.parametrize(
    "name", ["../secret", "..", ".", "", "/etc/passwd", "sub/inner", "sub\\inner", "*", "secret\0"]
)
def test_a_name_leads_nowhere_but_into_the_folder(tmp_path: Path, name: str) -> None:
    from pressroom.image_worker.diffusers_local.adapter_folder import AdapterFolder

    (tmp_path / "secret.safetensors").write_bytes(b"")
    folder = tmp_path / "adapters"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "inner.safetensors").write_bytes(b"")

    with pytest.raises(InvalidRequest):
        AdapterFolder(folder).find(name)


@pytest.mark.parametrize("kind", AdapterKind)
async def test_an_adapter_that_does_not_fit_is_refused_and_leaves_nothing_behind(
    provider: DiffusersProvider, adapters_dir: Path, kind: AdapterKind
) -> None:
    _write_tensors(adapters_dir / "other.safetensors", {"something.else": (3, 5)})
    (adapters_dir / "torn.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{")
    plain = await provider.generate(_request(), _ignore)

    for name in ("other", "torn"):
        with pytest.raises(InvalidRequest, match=f"'{name}'"):
            await provider.generate(_request(adapters=(Adapter(kind=kind, name=name),)), _ignore)

    assert (await provider.generate(_request(), _ignore)).data == plain.data


async def test_a_lora_worn_before_one_that_does_not_fit_is_gone_too(
    provider: DiffusersProvider, adapters_dir: Path
) -> None:
    plain = await provider.generate(_request(), _ignore)
    _write_lora(adapters_dir / "woodcut.safetensors", _pipeline(provider))
    _write_tensors(adapters_dir / "other.safetensors", {"something.else": (3, 5)})
    worn, other = (Adapter(kind=AdapterKind.LORA, name=name) for name in ("woodcut", "other"))
    first = await provider.generate(_request(adapters=(worn,)), _ignore)
    with pytest.raises(InvalidRequest, match="'other'"):
        await provider.generate(_request(adapters=(worn, other)), _ignore)

    assert (await provider.generate(_request(), _ignore)).data == plain.data
    assert (await provider.generate(_request(adapters=(worn,)), _ignore)).data == first.data


async def test_without_a_folder_an_adapter_is_refused_by_the_setting_s_name(tiny_models: Path) -> None:
    provider = DiffusersProvider(_settings(tiny_models / "flux"))

    assert not provider.capabilities.adapters
    with pytest.raises(InvalidRequest, match="PRESSROOM_DIFFUSERS_ADAPTERS_DIR is not set"):
        await provider.generate(_request(adapters=(Adapter(kind=AdapterKind.LORA, name="x"),)), _ignore)
    await provider.aclose()


# Settings


def test_without_a_model_there_is_no_lane() -> None:
    with pytest.raises(NotConfigured, match="PRESSROOM_DIFFUSERS_MODEL"):
        diffusers_provider(DiffusersSettings(diffusers_model=None))


def test_without_torch_there_is_no_lane_and_one_is_told_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    with pytest.raises(NotConfigured, match=r"\./run extra diffusers"):
        diffusers_provider(_settings(Path("anything")))


def test_a_worker_without_the_lane_does_not_import_torch() -> None:
    code = "import sys; from pressroom.image_worker import configured; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("broken", ["missing", "empty", "a file", "no weights", "torn index", "unknown class"])
async def test_a_model_that_does_not_load_names_the_setting(tiny_models: Path, tmp_path: Path, broken: str) -> None:
    model = _broken_model(tiny_models / "flux", tmp_path / "model", broken)
    provider = DiffusersProvider(_settings(model))

    with pytest.raises(ModelGone, match=r"PRESSROOM_DIFFUSERS_MODEL.*model"):
        await provider.generate(_request(), _ignore)
    await provider.aclose()


async def test_a_model_that_came_back_is_loaded(tiny_models: Path, tmp_path: Path) -> None:
    provider = DiffusersProvider(_settings(tmp_path / "disk" / "flux"))
    with pytest.raises(ModelGone):
        await provider.generate(_request(), _ignore)
    shutil.copytree(tiny_models / "flux", tmp_path / "disk" / "flux")

    assert picture_of((await provider.generate(_request(), _ignore)).data).width == 64
    await provider.aclose()


async def test_a_name_on_the_hub_is_not_downloaded_unless_that_is_allowed(tiny_models: Path) -> None:
    provider = DiffusersProvider(DiffusersSettings(diffusers_model="nobody/nothing"))

    with pytest.raises(ModelGone, match=r"PRESSROOM_DIFFUSERS_MODEL=nobody/nothing.*PRESSROOM_DIFFUSERS_OFFLINE=false"):
        await provider.generate(_request(), _ignore)
    await provider.aclose()


async def test_an_attention_backend_that_is_not_there_is_named(tiny_models: Path) -> None:
    provider = DiffusersProvider(_settings(tiny_models / "flux", diffusers_attention="telepathy"))

    with pytest.raises(ModelGone, match="PRESSROOM_DIFFUSERS_ATTENTION=telepathy"):
        await provider.generate(_request(), _ignore)
    await provider.aclose()


async def test_pytorch_s_own_attention_can_be_asked_for_by_name(tiny_models: Path) -> None:
    plain = DiffusersProvider(_settings(tiny_models / "flux"))
    named = DiffusersProvider(_settings(tiny_models / "flux", diffusers_attention="native"))

    assert same_picture(
        (await plain.generate(_request(), _ignore)).data, (await named.generate(_request(), _ignore)).data
    )
    await plain.aclose()
    await named.aclose()


async def test_a_gpu_that_is_not_there_is_named(tiny_models: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    provider = DiffusersProvider(_settings(tiny_models / "flux", diffusers_device="cuda"))

    with pytest.raises(ModelGone, match="PRESSROOM_DIFFUSERS_DEVICE"):
        await provider.generate(_request(), _ignore)
    await provider.aclose()


async def test_half_as_many_bits_make_a_picture_too(tiny_models: Path) -> None:
    provider = DiffusersProvider(_settings(tiny_models / "flux", diffusers_dtype="bfloat16"))

    assert picture_of((await provider.generate(_request(), _ignore)).data).width == 64
    await provider.aclose()


async def test_a_batch_that_names_another_model_is_refused_and_the_lane_stays_open(provider: DiffusersProvider) -> None:
    with pytest.raises(InvalidRequest, match="the batch's own model is 'another'") as caught:
        await provider.generate(_request(model="another"), _ignore)

    assert not caught.value.closes_lane


async def test_a_model_is_told_without_the_way_to_its_folder(provider: DiffusersProvider) -> None:
    made = await provider.generate(_request(), _ignore)

    assert made.model == provider.model
    assert "/" not in made.model


async def test_a_lane_loads_its_model_before_the_first_picture(tiny_models: Path) -> None:
    provider = diffusers_provider(_settings(tiny_models / "stable-diffusion"))

    await until(lambda: provider.capabilities.sizes.side_multiple == 8)
    await provider.aclose()


def _settings(model: Path, **more: Any) -> DiffusersSettings:
    return DiffusersSettings(**{"diffusers_model": str(model), "diffusers_device": "cpu", **more})


def _request(**changes: object) -> GenerationRequest:
    small = replace(a_request(), width_px=64, height_px=64, steps=2, guidance=4.0)
    return changed(small, **changes)


def _pipeline(provider: DiffusersProvider) -> Any:
    """The pipeline of a provider that has made a picture."""
    engine: Any = provider._engine
    return engine._way.pipeline


def _heard(arguments: dict[str, Any]) -> Heard:
    return Heard(
        arguments["prompt"],
        seed=arguments["generator"].initial_seed(),
        negative_prompt=arguments.get("negative_prompt"),
        width_px=arguments.get("width"),
        height_px=arguments.get("height"),
        steps=arguments["num_inference_steps"],
        guidance=arguments["guidance_scale"],
        input_images=1 if "image" in arguments else 0,
    )


@asynccontextmanager
async def _out_of_memory(
    provider: DiffusersProvider, *, times: int, raising: Callable[[], Exception] | None = None
) -> AsyncIterator[Callable[[], int]]:
    """The decoder finds no memory, as often as said; gives how often it did."""
    import torch

    await provider.generate(_request(), _ignore)
    raised = 0

    def hook(_module: object, _given: object) -> None:
        nonlocal raised
        if raised < times:
            raised += 1
            raise raising() if raising is not None else torch.OutOfMemoryError(CUDA_SAID)

    handle = _pipeline(provider).vae.decoder.register_forward_pre_hook(hook)
    yield lambda: raised
    handle.remove()


def _write_tensors(path: Path, shapes: dict[str, tuple[int, ...]], *, seed: int = 0, scale: float = 1.0) -> None:
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(seed)
    save_file({name: torch.randn(shape, generator=generator) * scale for name, shape in shapes.items()}, path)


def _write_lora(path: Path, pipeline: Any, *, seed: int = 0, rank: int = 4) -> None:
    """For every projection to queries of the part that takes noise away."""
    import torch

    prefix = "transformer" if hasattr(pipeline, "transformer") else "unet"
    shapes: dict[str, tuple[int, ...]] = {}
    for name, module in getattr(pipeline, prefix).named_modules():
        if ".lora_" not in name and name.removesuffix(".base_layer").endswith(("to_q", "to_v")):
            linear = getattr(module, "base_layer", module)
            assert isinstance(linear, torch.nn.Linear)
            plain = name.removesuffix(".base_layer")
            shapes[f"{prefix}.{plain}.lora_A.weight"] = (rank, linear.in_features)
            shapes[f"{prefix}.{plain}.lora_B.weight"] = (linear.out_features, rank)
    assert shapes
    _write_tensors(path, shapes, seed=seed)


def _write_embedding(path: Path, *, vectors: int = 3) -> None:
    from pressroom.image_worker.diffusers_local.tiny_model import CLIP_WIDTH

    _write_tensors(path, {"emb_params": (vectors, CLIP_WIDTH)}, scale=20.0)


def _broken_model(good: Path, folder: Path, broken: str) -> Path:
    if broken == "missing":
        return folder
    if broken == "a file":
        folder.write_bytes(b"weights")
        return folder
    if broken == "empty":
        folder.mkdir()
        return folder
    shutil.copytree(good, folder)
    index = folder / "model_index.json"
    if broken == "no weights":
        (folder / "transformer" / "diffusion_pytorch_model.safetensors").unlink()
    elif broken == "torn index":
        index.write_text(index.read_text()[:40])
    else:
        index.write_text(index.read_text().replace("FluxPipeline", "NobodysPipeline"))
    return folder


def _ignore(_part: float) -> None:
    return None
