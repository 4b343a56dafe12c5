"""A picture that plainly is none: what stands in a gallery for an image that no provider made. The same prompt and size
give the same bytes, in a few hundredths of a second, with nothing but the studio's type and colours."""

import asyncio
import math

import pyvips

from pressroom.contracts.capabilities import Capabilities, SizeRules
from pressroom.contracts.requests import PROMPT_MAX_CHARACTERS
from pressroom.contracts.vocabulary import ProviderName

from .providers import Generation, GenerationRequest, Progress
from .studio.colour import mix
from .studio.palettes import PALETTES
from .studio.paths import polygon, rect
from .studio.typesetting import CONDENSED, TEXT, Block, fit, settable

MODEL = "placeholder"
WORD = "PLACEHOLDER"
SHORT_SIDE = 1000.0
"""Sheet units, as in the studio."""
BORDER = 74.0
STRIPE = 62.0
GAP = 58.0
PROMPT_CHARACTERS = 150
SLIM = 0.5
"""Below this ratio of width to height the words stand on their side."""
PNG_COMPRESSION = 3
_PALETTE = next(palette for palette in PALETTES if palette.name == "vintage")
_INK, _PAPER, _AMBER = _PALETTE.ink, _PALETTE.paper, _PALETTE.accents[1]
_QUIET = mix(_INK, _PAPER, 0.25)
_SHADE = mix(_PAPER, _AMBER, 0.16)


class PlaceholderProvider:
    """Always there, and never asked first."""

    name = ProviderName.PLACEHOLDER
    model: str | None = MODEL
    capabilities = Capabilities(
        sizes=SizeRules(min_side_px=64, max_side_px=8192),
        prompt_max_characters=2 * PROMPT_MAX_CHARACTERS,
        seeds=False,
    )

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        data = await asyncio.to_thread(draw, request.prompt, width_px=request.width_px, height_px=request.height_px)
        progress(1.0)
        return Generation(data, model=MODEL)

    async def aclose(self) -> None:
        return None


def draw(prompt: str, *, width_px: int, height_px: int) -> bytes:
    """The placeholder of exactly width x height pixels, as PNG bytes."""
    scale = SHORT_SIDE / min(width_px, height_px)
    width, height = width_px * scale, height_px * scale
    is_slim = width / height < SLIM
    across, down = (height, width) if is_slim else (width, height)
    turn = f' transform="translate(0 {height:.1f}) rotate(-90)"' if is_slim else ""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width_px}" height="{height_px}" '
        f'viewBox="0 0 {width:.2f} {height:.2f}" preserveAspectRatio="none">'
        f"<g{turn}>{_sheet(across, down, prompt)}</g></svg>"
    ).encode()
    picture = pyvips.Image.svgload_buffer(svg, unlimited=True).extract_band(0, n=3)
    return bytes(picture.copy(interpretation="srgb").pngsave_buffer(compression=PNG_COMPRESSION))


def _sheet(width: float, height: float, prompt: str) -> str:
    inner_width, inner_height = width - 2 * BORDER, height - 2 * BORDER
    frame = rect(BORDER, BORDER, inner_width, inner_height)
    return (
        f'<path d="{rect(0, 0, width, height)}" fill="{_AMBER}"/>'
        f'<path d="{_stripes(0, 0, width, height, STRIPE)}" fill="{_INK}"/>'
        f'<path d="{frame}" fill="{_PAPER}"/>'
        f'<clipPath id="panel"><path d="{frame}"/></clipPath>'
        f'<g clip-path="url(#panel)"><path d="{_stripes(0, 0, width, height, 2.2 * STRIPE)}" fill="{_SHADE}"/></g>'
        f"{_words(width, height, prompt)}"
    )


def _stripes(x: float, y: float, width: float, height: float, pitch: float) -> str:
    """Bands from lower left to upper right, each as wide as its neighbour, over the whole rectangle."""
    step = pitch * math.sqrt(2)
    bands = range(math.ceil((width + height) / (2 * step)) + 1)
    return "".join(
        polygon(
            [
                (x + 2 * step * band, y),
                (x + 2 * step * band + step, y),
                (x + 2 * step * band + step - height, y + height),
                (x + 2 * step * band - height, y + height),
            ]
        )
        for band in bands
    )


def _words(width: float, height: float, prompt: str) -> str:
    room_across, room_down = width - 2 * (BORDER + GAP), height - 2 * (BORDER + GAP)
    head = fit(WORD, CONDENSED, room_across, room_down * 0.5, 600)
    beginning = _beginning(prompt)
    said = fit(beginning, TEXT, room_across, room_down * 0.3, 54) if beginning else None
    between = min(90.0, room_down * 0.12)
    deep = head.height + (2 * between + said.height if said else 0.0)
    top = (height - deep) / 2
    drawn = _set(head, width, top, _INK)
    if said:
        line = top + head.height + between
        drawn += f'<path d="{rect(width / 2 - head.width / 2, line - 4, head.width, 8)}" fill="{_AMBER}"/>'
        drawn += _set(said, width, line + between, _QUIET)
    return drawn


def _beginning(prompt: str) -> str:
    """As much of the prompt as is read at a glance, in whole words where there are any."""
    words = settable(prompt, TEXT)
    if len(words) <= PROMPT_CHARACTERS:
        return words
    cut = words[:PROMPT_CHARACTERS]
    return (cut.rpartition(" ")[0] or cut) + "…"


def _set(block: Block, width: float, top: float, colour: str) -> str:
    lines = "".join(
        line.path_at((width - line.width * block.size) / 2, baseline, block.size)
        for line, baseline in zip(block.lines, block.baselines(top), strict=True)
    )
    return f'<g fill="{colour}">{lines}</g>'
