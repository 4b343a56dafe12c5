"""The palettes, chosen by hand the way a print shop keeps its ink drawer: a paper, one ink that reads on it,
and a few accents. Every palette keeps the contrast rule that `broken_rules` states (tests hold all of them to
it), so any style may set any accent on the paper and the two will separate. A palette also carries the words
that call for it."""

from __future__ import annotations

from dataclasses import dataclass

from .colour import contrast, distance, lightness, mix

MIN_INK_CONTRAST = 4.5
"""WCAG 2.2 asks 4.5:1 of body text; a headline in the ink is never weaker."""
MIN_ACCENT_DISTANCE = 0.12
"""OKLab distance from an accent to the paper: about six just-visible steps."""
MIN_NEIGHBOUR_DISTANCE = 0.07
"""OKLab distance between two accents, so that shapes that touch stay two shapes."""


@dataclass(frozen=True)
class Palette:
    """One set of inks. `accents` are in order of importance; the words are lower case."""

    name: str
    paper: str
    ink: str
    accents: tuple[str, ...]
    words: frozenset[str]

    @property
    def is_dark(self) -> bool:
        """Whether the paper is darker than the ink."""
        return lightness(self.paper) < lightness(self.ink)

    @property
    def by_lightness(self) -> list[str]:
        """The accents from the lightest to the darkest."""
        return sorted(self.accents, key=lightness, reverse=True)

    @property
    def light(self) -> str:
        """The lightest colour there is: paper, or the ink of a dark palette."""
        return max((self.paper, self.ink, *self.accents), key=lightness)

    @property
    def dark(self) -> str:
        """The darkest colour there is."""
        return min((self.paper, self.ink, *self.accents), key=lightness)

    def tint(self, colour: str, share: float) -> str:
        """`colour` thinned towards the paper by `share`."""
        return mix(colour, self.paper, share)

    def reads_on(self, ground: str) -> str:
        """Whichever of paper and ink stands out more from `ground`."""
        return max((self.paper, self.ink), key=lambda colour: contrast(colour, ground))


def _palette(name: str, paper: str, ink: str, accents: str, words: str) -> Palette:
    return Palette(name, paper, ink, tuple(accents.split()), frozenset(words.split()))


PALETTES: tuple[Palette, ...] = (
    _palette(
        "sunset",
        "#f6e3c5",
        "#3a1a33",
        "#e2533a #f2a33a #a63a63 #6b3a72",
        "sunset dusk evening warm fiery fire flame lava volcano autumn tropical summer romantic orange",
    ),
    _palette(
        "afterglow",
        "#fbe9dc",
        "#2b2350",
        "#f26b5b #f9b384 #6d5a9e #c2477f",
        "sunset dusk twilight evening romance love pink violet purple dreamy vaporwave beach",
    ),
    _palette(
        "desert",
        "#f3e2cb",
        "#4a2618",
        "#c8613a #e0a458 #8a8f6d #7c3626",
        "desert dune dunes sand canyon terracotta clay western cactus arid earth rust boho morocco",
    ),
    _palette(
        "ocean",
        "#eef0e4",
        "#12304a",
        "#1f6f8b #55a9a3 #e9a15b #2b4c7e",
        "ocean sea water wave waves coast marine surf nautical blue whale fish lake river sailing ship island",
    ),
    _palette(
        "lagoon",
        "#f7f1de",
        "#0d3b47",
        "#00857c #7cc6b5 #f4a259 #ee6c4d",
        "lagoon tropical turquoise teal aqua cyan summer beach pool swim coral reef vacation holiday island",
    ),
    _palette(
        "pacific",
        "#0f2a3d",
        "#f1e7d0",
        "#2f8f9d #f2b95c #e4694a #7fb8ad",
        "deep ocean underwater storm night navy submarine whale abyss sailing nautical moonlight",
    ),
    _palette(
        "forest",
        "#f1ead6",
        "#1d3327",
        "#3f6b4a #8da563 #d9a441 #b5532f",
        "forest wood woods pine tree trees jungle green moss nature fern hiking camping wild fox deer bear",
    ),
    _palette(
        "misty pine",
        "#e9ebe1",
        "#1f3436",
        "#4f7572 #8fa9a0 #d98f63 #2f5355",
        "mist misty fog foggy dawn morning pine rain rainy drizzle calm quiet quietness moody mountain lake",
    ),
    _palette(
        "dawn",
        "#fbefe3",
        "#33405e",
        "#ef9a86 #f4c271 #7d93b8 #b07a9b",
        "dawn sunrise morning soft pastel gentle hope spring delicate sky cloud clouds peach",
    ),
    _palette(
        "midnight",
        "#141b33",
        "#f2e8cf",
        "#4c5fa3 #f0b849 #8f7fc0 #d9655b",
        "midnight night moon star stars starry galaxy space cosmic cosmos astronaut planet dream sleep owl indigo",
    ),
    _palette(
        "neon",
        "#14102b",
        "#f6f0ff",
        "#ff2e88 #19d3da #ffd23f #7b3ff2",
        "neon cyberpunk cyber synthwave electric glow glowing rave club arcade gaming gamer game "
        "laser future futuristic "
        "disco robot tokyo",
    ),
    _palette(
        "arcade",
        "#1b1f3b",
        "#fff4dc",
        "#ff5d5d #35c9a5 #ffc145 #5b7fff",
        "arcade retro gaming game gamer pixel console controller joystick eighties 80s cyberpunk synthwave video robot",
    ),
    _palette(
        "synthwave",
        "#24123f",
        "#ffe9d6",
        "#ff5fa2 #ff9e4f #5e7bff #8d3bbd",
        "synthwave vaporwave outrun neon eighties 80s cyberpunk retro sunset miami electric magenta",
    ),
    _palette(
        "halloween",
        "#f4dfb8",
        "#21151c",
        "#e0671f #6a4478 #8a9a3f #b0331f",
        "halloween pumpkin spooky ghost witch bat skull october horror haunted scary vampire zombie trick",
    ),
    _palette(
        "graveyard",
        "#1d1a24",
        "#f3e4c6",
        "#ee7b22 #7a5a96 #9db04b #c9402f",
        "halloween spooky haunted gothic horror dark witch skull crow raven occult magic eerie bat",
    ),
    _palette(
        "japandi",
        "#efe8dc",
        "#2c2b2a",
        "#b7795a #8f9685 #c9a98a #5d6a67",
        "japandi japan japanese zen minimalist minimal scandinavian wabi sabi calm beige neutral "
        "linen heron crane reed "
        "reeds bamboo tea pottery simple serene nordic stone",
    ),
    _palette(
        "sumi",
        "#f3eee3",
        "#1e2226",
        "#c2402c #6f7a80",
        "ink sumi two monochrome brush calligraphy japanese zen heron crane koi bamboo minimalist minimal samurai",
    ),
    _palette(
        "nordic",
        "#eef0ee",
        "#22303c",
        "#51728c #a3b8c2 #d08c60 #334e5e",
        "nordic winter snow ice cold frost scandinavian arctic glacier polar penguin christmas "
        "iceland grey gray silver",
    ),
    _palette(
        "riso",
        "#f6f1e4",
        "#1d2a6b",
        "#ff5a5f #ffc93c #00a59b #3d5eca",
        "riso risograph print zine grain misregistration fluorescent pop playful fun modern art music",
    ),
    _palette(
        "riso coral",
        "#f5efe3",
        "#27405f",
        "#ff6f61 #f9c74f #2f7f86 #e58fb0",
        "riso risograph coral zine cute kawaii happy joy friendly party birthday bright colorful colourful",
    ),
    _palette(
        "vintage",
        "#efdfbf",
        "#2f2a26",
        "#b9442f #d99a3d #4c6b63 #7f5a3c",
        "vintage retro antique old classic nostalgia nostalgic sepia travel americana western seventies "
        "coffee brown guitar motorcycle car bicycle",
    ),
    _palette(
        "seventies",
        "#f5e5c9",
        "#40241a",
        "#d9602b #eba937 #7d8c3c #9c3d22",
        "seventies 70s retro groovy hippie boho disco funk soul mushroom rainbow mustard",
    ),
    _palette(
        "bauhaus",
        "#f2ead9",
        "#1b1b1d",
        "#d8382b #f0b323 #27559c",
        "bauhaus geometric geometry modernist constructivist swiss primary abstract design architecture red yellow "
        "pattern shapes circle square triangle",
    ),
    _palette(
        "mid-century",
        "#f3ead8",
        "#2b3a42",
        "#e07a3f #3f8a8c #e3b23c #a8413a",
        "midcentury mid-century century modern atomic fifties 50s sixties 60s eames bird cat "
        "cutout matisse jazz abstract",
    ),
    _palette(
        "matisse",
        "#fbf3e4",
        "#1c2c5b",
        "#2d6cc0 #ec6a4a #f2bb4b #3f9168",
        "matisse cutout collage playful abstract dance paper vase fruit lemon summer mediterranean kids children",
    ),
    _palette(
        "woodcut",
        "#efe4cd",
        "#1f1d1b",
        "#a8382b #c98b3a",
        "woodcut linocut lino engraving block etching vintage folk medieval carved skull raven wolf",
    ),
    _palette(
        "blueprint",
        "#17375e",
        "#eef2e6",
        "#7fb2d9 #f2c14e #e8825a",
        "blueprint technical engineering machine architecture plan rocket train bicycle clock map navigation science",
    ),
    _palette(
        "indigo",
        "#eee9dd",
        "#1c2951",
        "#33508f #7f9ac4 #c9a35d",
        "indigo blue denim shibori monochrome porcelain delft navy winter quiet rain blueprint",
    ),
    _palette(
        "rose garden",
        "#fbeee6",
        "#3f2337",
        "#d9577a #f0a6a0 #7a9a6b #9a3a5e",
        "rose flower flowers floral garden blossom bloom peony tulip pink feminine wedding "
        "valentine love butterfly spring "
        "cherry mother",
    ),
    _palette(
        "meadow",
        "#f8f1da",
        "#2a3d2e",
        "#e8a13a #6c9a56 #d95d4e #4b87a0",
        "meadow spring field flower flowers wildflower wildflowers summer bee honey farm countryside garden sunflower "
        "daisy poppy yellow butterfly",
    ),
    _palette(
        "harvest",
        "#f4e6c8",
        "#3d2a1a",
        "#c7702c #8f3b2a #d9a940 #6c7340",
        "autumn fall harvest thanksgiving leaf leaves november october wheat apple pumpkin cider "
        "cozy cosy maple squirrel",
    ),
    _palette(
        "citrus",
        "#fdf3d7",
        "#21443a",
        "#f28c28 #f4c430 #5aa469 #e4572e",
        "citrus lemon orange lime fruit fresh juice kitchen summer food avocado happy sunny energy sun",
    ),
    _palette(
        "café",
        "#f2e6d6",
        "#33211a",
        "#a4653d #d2a06c #6b7f76 #6e3f2a",
        "coffee cafe café espresso latte chocolate bakery bread cup tea kitchen cozy cosy brown books library",
    ),
    _palette(
        "sorbet",
        "#fff4ec",
        "#4a3470",
        "#ff8fa3 #ffc46b #6fc3b8 #9d7fd1",
        "pastel candy sweet ice-cream icecream kawaii cute unicorn baby nursery soft fairy rainbow cupcake",
    ),
    _palette(
        "emerald deco",
        "#12302b",
        "#f3e3bd",
        "#d3a24a #3f9380 #e5735a #86b49b",
        "deco gatsby luxury elegant gold golden emerald jazz twenties 20s glamour peacock royal green jungle",
    ),
    _palette(
        "oxblood",
        "#f1e4d3",
        "#2c1114",
        "#8f1d2c #d9754a #c9a55c #4a5a5f",
        "wine oxblood burgundy red passion opera theatre dramatic love heart whisky leather crimson scarlet tango",
    ),
    _palette(
        "monochrome",
        "#f4f2ec",
        "#17181a",
        "#55585c #8e9194",
        "monochrome black white grayscale greyscale noir minimalist minimal stark contrast film",
    ),
)


def broken_rules(palette: Palette) -> list[str]:
    """What the contrast rule finds wrong with a palette: empty for one that may be printed."""
    faults: list[str] = []
    if contrast(palette.paper, palette.ink) < MIN_INK_CONTRAST:
        faults.append(f"{palette.name}: the ink does not read on the paper")
    for index, accent in enumerate(palette.accents):
        if distance(accent, palette.paper) < MIN_ACCENT_DISTANCE:
            faults.append(f"{palette.name}: {accent} sinks into the paper")
        faults.extend(
            f"{palette.name}: {accent} and {other} are one colour"
            for other in palette.accents[index + 1 :]
            if distance(accent, other) < MIN_NEIGHBOUR_DISTANCE
        )
    return faults
