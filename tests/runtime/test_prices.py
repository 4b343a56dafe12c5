"""What an image costs: the built-in table, a deployment's own entries in it, and tables that are refused."""

from decimal import Decimal
from pathlib import Path

import pytest

from pressroom.contracts.vocabulary import Mode, ProviderName
from pressroom.runtime.prices import FREE, PriceTable
from pressroom.runtime.settings import Settings, load

BUILT_IN = PriceTable.load(None)
DATED = "gpt-image-2-2026-04-21"
ENTRY = """
[[price]]
provider = "{provider}"
model = "{model}"
unit = "image"
usd = {usd}
source = "our contract"
seen = 2026-11-21
"""


def own(folder: Path, text: str) -> Path:
    file = folder / "prices.toml"
    file.write_text(text)
    return file


def cost(
    table: PriceTable,
    provider: ProviderName,
    model: str | None,
    width_px: int = 1024,
    height_px: int = 1024,
    **how: object,
) -> int | None:
    return table.cost_microusd(provider, model, width_px=width_px, height_px=height_px, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("side_px", "microusd"), [(64, 33_600), (1448, 33_600), (1449, 50_400), (2897, 75_600), (8192, 75_600)]
)
def test_a_price_by_the_image_goes_by_its_longer_side(side_px: int, microusd: int) -> None:
    model = "gemini-nano-banana-2.1"
    assert cost(BUILT_IN, ProviderName.GEMINI, model, side_px, 64) == microusd
    assert cost(BUILT_IN, ProviderName.GEMINI, model, 64, side_px) == microusd


def test_a_models_dated_snapshot_costs_what_the_model_does() -> None:
    asked, told = (cost(BUILT_IN, ProviderName.OPENAI, name, grade="low") for name in ("gpt-image-2", DATED))
    assert asked == told == 6_000
    text = BUILT_IN.text_cost_microusd(
        ProviderName.OPENAI, "gpt-5.4-mini-2026-03-17", read_tokens=1_000_000, written_tokens=0, mode=Mode.REALTIME
    )
    assert text == 750_000
    assert cost(BUILT_IN, ProviderName.OPENAI, "gpt-image-2-mini", grade="low") is None


def test_an_asynchronous_batch_costs_half() -> None:
    whole = cost(BUILT_IN, ProviderName.GEMINI, "gemini-nano-banana-2.1")
    half = cost(BUILT_IN, ProviderName.GEMINI, "gemini-nano-banana-2.1", mode=Mode.BATCH)
    assert (whole, half) == (33_600, 16_800)


@pytest.mark.parametrize(
    ("width_px", "height_px", "microusd"),
    [(64, 64, 30_000), (1024, 1024, 30_000), (1024, 1025, 45_000), (2048, 1024, 45_000), (2048, 2048, 75_000)],
)
def test_a_megapixel_that_is_begun_is_paid(width_px: int, height_px: int, microusd: int) -> None:
    assert cost(BUILT_IN, ProviderName.FLUX, "flux-2-pro", width_px, height_px) == microusd


def test_a_price_by_the_area_goes_with_it_and_with_the_quality() -> None:
    def openai(width_px: int, grade: str) -> int | None:
        return cost(BUILT_IN, ProviderName.OPENAI, "gpt-image-2", width_px, 1024, grade=grade)

    assert [openai(1024, grade) for grade in ("low", "medium", "high")] == [6_000, 53_000, 211_000]
    assert openai(1536, "medium") == 79_500


def test_a_price_by_the_second_is_typical_until_the_provider_has_said_its_seconds(tmp_path: Path) -> None:
    gpu = '[[price]]\nprovider="runpod"\nunit="second"\nusd=0.0004\ntypical_s=8\nsource="x"\nseen=2026-11-21\n'
    table = PriceTable.load(own(tmp_path, gpu))
    assert cost(table, ProviderName.RUNPOD, None) == 3_200
    assert cost(table, ProviderName.RUNPOD, "whatever", seconds=20.5) == 8_200
    assert cost(table, ProviderName.RUNPOD, None, seconds=0.0) == 0


@pytest.mark.parametrize("provider", sorted(FREE))
def test_a_machine_of_ones_own_costs_nothing(provider: ProviderName) -> None:
    assert cost(BUILT_IN, provider, "anything") == 0


@pytest.mark.parametrize(
    ("provider", "model", "grade"),
    [
        (ProviderName.GEMINI, "gemini-99", None),
        (ProviderName.GEMINI, None, None),
        (ProviderName.OPENAI, "gpt-image-2", None),
        (ProviderName.OPENAI, "gpt-image-2", "splendid"),
        (ProviderName.RUNPOD, "sdxl", None),
    ],
)
def test_a_price_that_nobody_knows_is_not_nothing(provider: ProviderName, model: str | None, grade: str | None) -> None:
    assert cost(BUILT_IN, provider, model, grade=grade) is None


def test_every_built_in_price_says_where_it_is_from_and_stands_once() -> None:
    assert all(price.source and price.seen.year >= 2026 for price in BUILT_IN.prices)
    stands = {(price.provider, price.model, price.grade, price.up_to_px) for price in BUILT_IN.prices}
    assert len(stands) == len(BUILT_IN.prices) > 10


def test_an_own_entry_replaces_one_and_leaves_the_others(tmp_path: Path) -> None:
    table = PriceTable.load(own(tmp_path, ENTRY.format(provider="flux", model="flux-2-pro", usd="0.02")))
    assert cost(table, ProviderName.FLUX, "flux-2-pro", 4096, 4096) == 20_000
    assert cost(table, ProviderName.FLUX, "flux-2-max") == cost(BUILT_IN, ProviderName.FLUX, "flux-2-max") == 70_000
    assert table.prices[1:] == BUILT_IN.prices


def test_an_own_entry_for_every_size_replaces_those_for_some(tmp_path: Path) -> None:
    entry = ENTRY.format(provider="gemini", model="gemini-nano-banana-2.1", usd="0.01")
    table = PriceTable.load(own(tmp_path, entry))
    assert cost(table, ProviderName.GEMINI, "gemini-nano-banana-2.1", 512, 512) == 10_000
    assert cost(table, ProviderName.GEMINI, "gemini-nano-banana-2.1", 4096, 4096) == 10_000


def test_an_own_entry_may_be_of_a_model_that_the_table_does_not_know(tmp_path: Path) -> None:
    table = PriceTable.load(own(tmp_path, ENTRY.format(provider="comfyui", model="rented", usd="0.0012345")))
    assert cost(table, ProviderName.COMFYUI, "rented") == 1_235
    assert cost(table, ProviderName.COMFYUI, "at-home") == 0
    assert len(table.prices) == len(BUILT_IN.prices) + 1


def test_a_named_model_goes_before_any_model(tmp_path: Path) -> None:
    any_model = '[[price]]\nprovider="flux"\nunit="image"\nusd=0.5\nsource="x"\nseen=2026-11-21\n'
    table = PriceTable.load(own(tmp_path, any_model + ENTRY.format(provider="flux", model="new", usd="0.25")))
    assert cost(table, ProviderName.FLUX, "new") == 250_000
    assert cost(table, ProviderName.FLUX, "newer") == 500_000


def test_money_is_counted_exactly() -> None:
    (price,) = [entry for entry in BUILT_IN.prices if entry.model == "flux-2-klein-4b"]
    assert price.usd == Decimal("0.014")


GOOD = ENTRY.format(provider="flux", model="flux-2-pro", usd="0.02")
BAD = {
    "a provider that there is none of": (GOOD + GOOD.replace('"flux"', '"fluxx"'), "price 2: provider"),
    "a negative price": (GOOD.replace("0.02", "-1"), "price 1: usd"),
    "no number": (GOOD.replace("0.02", "nan"), "price 1: usd"),
    "a price for ever": (GOOD.replace('"image"', '"second"') + "typical_s = inf\n", "price 1: typical_s"),
    "a misspelt field": (GOOD + "upto_px = 64\n", "price 1: upto_px"),
    "no source": (GOOD.replace("source", "# source"), "price 1: source"),
    "a megapixel without its further ones": (GOOD.replace('"image"', '"megapixel"'), "further_usd"),
    "a second without its usual number": (GOOD.replace('"image"', '"second"'), "typical_s"),
    "no TOML": ("[[price]", "is no TOML"),
    "one table instead of a list": (GOOD.replace("[[price]]", "[price]"), "[[price]]"),
    "a number instead of a list": ("price = 5", "[[price]]"),
    "a misspelt list": (GOOD.replace("[[price]]", "[[prices]]"), "prices"),
}


@pytest.mark.parametrize(("text", "named"), BAD.values(), ids=BAD)
def test_a_bad_table_ends_the_start_naming_the_setting_the_file_and_the_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, named: str
) -> None:
    file = own(tmp_path, text)
    monkeypatch.setenv("PRESSROOM_PRICE_TABLE", str(file))
    with pytest.raises(SystemExit) as ended:
        load(Settings)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith("PRESSROOM_PRICE_TABLE: ")
    assert str(file) in said
    assert named in said


@pytest.mark.parametrize("what", ["absent", "a folder", "no text"])
def test_a_table_that_cannot_be_read_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    file = tmp_path / "prices.toml"
    if what == "a folder":
        file.mkdir()
    if what == "no text":
        file.write_bytes(b"\xff\xfe\x00")
    monkeypatch.setenv("PRESSROOM_PRICE_TABLE", str(file))
    with pytest.raises(SystemExit):
        load(Settings)
    said = capsys.readouterr().err
    assert said.startswith("PRESSROOM_PRICE_TABLE: ")
    assert str(file) in said


def test_a_text_costs_by_the_tokens_that_were_read_and_written_and_half_in_a_batch() -> None:
    def text_cost(mode: Mode, model: str = "gemini-3.8-flash") -> int | None:
        return BUILT_IN.text_cost_microusd(ProviderName.GEMINI, model, read_tokens=1000, written_tokens=2000, mode=mode)

    assert text_cost(Mode.REALTIME) == 750 + 7500
    assert text_cost(Mode.BATCH) == (750 + 7500) / 2
    assert text_cost(Mode.BATCH, "gemini-of-next-year") is None


def test_a_price_by_tokens_is_no_price_of_a_picture_and_needs_both_sides(tmp_path: Path) -> None:
    assert cost(BUILT_IN, ProviderName.GEMINI, "gemini-3.8-flash") is None
    entry = ENTRY.format(provider="gemini", model="mine", usd="1").replace('unit = "image"', 'unit = "tokens"')
    with pytest.raises(ValueError, match="output_usd"):
        PriceTable.load(own(tmp_path, entry))
