"""The words that studio understands, and what they ask for: a style by name, a scene or a thing that suits a
style, a colour. Matching is by whole lower-case words, plurals included by `singular`; what is not here decides
by its hash."""

from __future__ import annotations

STYLE_NAMES: dict[str, str] = {
    # A style asked for outright; these outweigh everything that the prompt pictures.
    "flow": "flow plotter flowfield streamline streamlines fidenza",
    "landscape": "landscape scenery vista panorama",
    "city": "skyline cityscape",
    "tiling": "tiling tile tiles truchet mosaic penrose tessellation quilt patchwork wallpaper hexagon hexagonal",
    "poster": "poster typography typographic headline lettering slogan quote motto text",
    "halftone": "halftone halftones screenprint dots popart pop-art",
    "botanical": "botanical botany herbarium",
    "topography": "topography topographic topographical contour contours cartography",
    "cutout": "cutout cutouts cut-out cut-outs collage matisse mid-century midcentury",
    "opart": "op-art opart moire moiré optical illusion hypnotic vasarely riley",
    "motif": "emblem icon mascot",
}

SUBJECTS: dict[str, str] = {
    # What a prompt pictures; each is drawn best by one style.
    "landscape": (
        "mountain mountains hill hills valley forest wood woods woodland pine pines fir tree "
        "trees lake sea ocean beach "
        "coast coastline island islands desert dune dunes canyon river waterfall glacier iceberg cliff cliffs field "
        "fields meadow countryside farm vineyard lavender volcano fjord bay lagoon horizon snow alps peak peaks ridge "
        "sunset sunrise dusk dawn twilight moonrise moon moonlight mist fog outdoors hiking camping wilderness nature "
        "harbour harbor sailing sail boat ship lighthouse savanna prairie swamp shore winter"
    ),
    "city": (
        "city cities town street streets building buildings skyscraper skyscrapers downtown "
        "urban tokyo paris london berlin "
        "york chicago metropolis architecture tower towers bridge rooftop rooftops window windows apartment cyberpunk"
    ),
    "tiling": "geometric geometry pattern patterns hex bauhaus azulejo marrakech islamic arabesque grid kaleidoscope",
    "halftone": "sphere spheres planet planets portrait face sculpture statue egg pearl bubble bubbles "
    "balloon marble orb",
    "botanical": (
        "flower flowers floral leaf leaves plant plants fern ferns herb herbs rose roses tulip "
        "tulips poppy poppies daisy "
        "wildflower wildflowers bouquet blossom blossoms branch branches eucalyptus olive "
        "monstera palm palms bamboo reed reeds "
        "grass garden jungle vase bloom wheat seaweed kelp succulent lily lotus sunflower sunflowers orchid"
    ),
    "topography": "map maps terrain elevation archipelago atlas geology agate strata marbled sediment",
    "cutout": (
        "abstract shapes shape composition collage dance dancer jazz music mobile calder miro "
        "kandinsky form forms modern "
        "playful still-life pebble pebbles stones balance joy friendship love dream"
    ),
    "opart": "stripes striped spiral vortex vibration psychedelic trippy black-and-white warp illusion tunnel",
    "flow": (
        "wind winds breeze smoke silk hair ribbon ribbons current currents wave waves swirl "
        "swirls fluid liquid motion movement "
        "storm rain fabric fur aurora generative energy spirit breath river-delta"
    ),
    "poster": "says saying words word phrase announcement festival concert gig exhibition conference sale",
}

MOODS: dict[str, str] = {
    # Weak leanings, for prompts that picture nothing in particular.
    "halftone": "riso risograph pop print music vinyl",
    "cutout": "happy fun cheerful party summer spring vintage retro scandinavian japandi",
    "flow": "calm serene meditation zen soft gentle elegant",
    "opart": "monochrome noir techno electronic",
    "landscape": "evening morning night autumn peaceful quiet misty foggy travel snowy",
    "city": "neon synthwave futuristic future rainy",
    "tiling": "minimalist modernist colourful colorful",
}

MOTIFS: dict[str, str] = {
    # Things that studio can draw as a figure.
    "cat": "cat cats kitten kittens kitty feline",
    "heron": "heron herons crane cranes egret stork flamingo ibis",
    "bird": "bird birds songbird robin sparrow finch swallow wren bluebird parrot dove raven crow",
    "owl": "owl owls",
    "fish": "fish fishes koi carp goldfish salmon trout tuna",
    "whale": "whale whales orca humpback",
    "fox": "fox foxes wolf dog puppy hound",
    "butterfly": "butterfly butterflies moth moths",
    "pumpkin": "pumpkin pumpkins jack-o-lantern gourd halloween",
    "mushroom": "mushroom mushrooms toadstool fungi fungus",
    "controller": "controller gamepad joystick console gaming gamer videogame",
    "cup": "coffee cup mug tea espresso latte cappuccino café cafe teacup",
    "fruit": "lemon lemons orange oranges citrus apple apples fruit pear pears cherry cherries peach",
    "rocket": "rocket rockets spaceship spacecraft astronaut space",
    "cactus": "cactus cacti",
    "guitar": "guitar guitars ukulele",
    "plant": "houseplant houseplants potplant",
    "skull": "skull skulls skeleton",
}

COLOURS: dict[str, str] = {
    "red": "#c8322d",
    "crimson": "#a3152c",
    "scarlet": "#d9321f",
    "coral": "#ff6f61",
    "orange": "#ee7b22",
    "amber": "#f2a33a",
    "yellow": "#f4c430",
    "gold": "#d3a24a",
    "golden": "#d3a24a",
    "mustard": "#d9a441",
    "green": "#3f8a5a",
    "lime": "#9ac43c",
    "emerald": "#2f8a6b",
    "olive": "#7d8c3c",
    "teal": "#00857c",
    "turquoise": "#35bdb2",
    "cyan": "#19c3d3",
    "blue": "#2d6cc0",
    "navy": "#1c2951",
    "indigo": "#33508f",
    "violet": "#7b5fc0",
    "purple": "#6a4478",
    "lilac": "#9d8fd1",
    "magenta": "#d12e88",
    "pink": "#ff8fa3",
    "rose": "#d9577a",
    "brown": "#7f5a3c",
    "terracotta": "#c8613a",
    "beige": "#efe8dc",
    "cream": "#f6f1e4",
    "white": "#f4f2ec",
    "grey": "#8e9194",
    "gray": "#8e9194",
    "silver": "#a3b8c2",
    "black": "#17181a",
}

_FILLERS = (
    "a an the of in on at and or with for to from by between into over under poster print style styled art artwork "
    "illustration picture image drawing painting design saying says text words quote "
    "headline that is very highly detailed "
    "beautiful 4k 8k hd ultra masterpiece two ink tones tone wall typography typographic lettering slogan"
)
FILLERS = frozenset(_FILLERS.split())
"""Words that say how, not what: they are no part of a headline."""


def singular(word: str) -> str:
    """The plain form of an English plural, near enough for a look-up: `waves` gives `wave`."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word
