"""Reads a prompt into a brief. Words that studio knows vote for a style, a motif and a palette; words that it does
not know decide by their hash, so a prompt keeps its character whatever the seed. The seed only chooses among palettes
that suit the prompt equally well; composition is the style's own use of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from .brief import Brief
from .colour import distance
from .noise import dice
from .palettes import PALETTES, Palette
from .vocabulary import COLOURS, FILLERS, MOODS, MOTIFS, STYLE_NAMES, SUBJECTS, singular

NAMED, PICTURED, LEANING, FIGURE = 100.0, 10.0, 2.0, 16.0
"""Votes of a word: a style's own name outweighs any number of subjects, a figure outweighs one scene word."""
MAX_WORDS_READ = 200
"""Words after these no longer change the reading: a longer prompt repeats itself."""
HEADLINE_WORDS = 7
COLOUR_REACH = 0.14
"""OKLab distance within which an accent answers to a colour's name."""
PALETTES_FOR_UNKNOWN = 4
"""How many palettes share a prompt that names no mood: seeds vary within these."""

_QUOTED = re.compile(
    r"[\"\u201c\u201d\u00ab\u201e]([^\"\u201c\u201d\u00bb\u201e]{1,120})[\"\u201c\u201d\u00bb]"
    r"|(?:^|\s)[\u2018']([^'\u2019]{2,120})[\u2019'](?=\W|$)"
)
_ANNOUNCED = re.compile(
    r"\b(?:poster|print|headline|text|says|saying|quote|slogan|sign|typography)\s*:\s*(.+)", re.IGNORECASE
)


def _index(table: Mapping[str, str]) -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    for name, words in table.items():
        for word in (name, *words.split()):
            index.setdefault(word, [])
            if name not in index[word]:
                index[word].append(name)
    return index


_STYLE_INDEX, _SUBJECT_INDEX, _MOOD_INDEX, _MOTIF_INDEX = map(_index, (STYLE_NAMES, SUBJECTS, MOODS, MOTIFS))
STYLES = tuple(STYLE_NAMES)
_POSTER = {("poster",), ("posters",)}


def words_of(prompt: str) -> tuple[str, ...]:
    """The words of a prompt in order, lower case, with hyphens kept and all other punctuation dropped."""
    text = (
        unicodedata.normalize("NFC", prompt)
        .casefold()
        .replace("op art", "op-art")
        .replace("mid century", "mid-century")
    )
    text = text.replace("cut out", "cut-out").replace("flow field", "flowfield")
    return tuple(re.findall(r"[^\W_]+(?:-[^\W_]+)*", text)[:MAX_WORDS_READ])


def _lookup(index: Mapping[str, list[str]], word: str) -> list[str]:
    return index.get(word) or index.get(singular(word)) or []


def _votes(words: tuple[str, ...]) -> tuple[dict[str, float], dict[str, list[str]]]:
    """Votes per style, and the words behind them. An earlier word weighs a trifle more, which settles ties."""
    votes: dict[str, float] = {}
    voters: dict[str, list[str]] = {}
    for place, word in enumerate(dict.fromkeys(words)):
        freshness = 1 - place / 1000
        for index, weight in ((_STYLE_INDEX, NAMED), (_SUBJECT_INDEX, PICTURED), (_MOOD_INDEX, LEANING)):
            for style in _lookup(index, word):
                votes[style] = votes.get(style, 0.0) + weight * freshness
                voters.setdefault(style, []).append(word)
        if _lookup(_MOTIF_INDEX, word):
            votes["motif"] = votes.get("motif", 0.0) + FIGURE * freshness
            voters.setdefault("motif", []).append(word)
    return votes, voters


def _motif(words: tuple[str, ...]) -> str | None:
    """The thing to draw: the one with most words, the first of equals."""
    count: dict[str, int] = {}
    for word in dict.fromkeys(words):
        for motif in _lookup(_MOTIF_INDEX, word):
            count[motif] = count.get(motif, 0) + 1
    return max(count, key=lambda motif: count[motif]) if count else None


def _palette(words: tuple[str, ...], key: str, seed: int) -> tuple[Palette, list[str]]:
    score: dict[str, float] = {}
    matched: list[str] = []
    for word in dict.fromkeys(words):
        plain = singular(word)
        for palette in PALETTES:
            if word in palette.words or plain in palette.words or word == palette.name:
                score[palette.name] = score.get(palette.name, 0.0) + 1.0
                matched.append(word)
            wanted = COLOURS.get(word)
            if wanted and min(distance(wanted, ink) for ink in (palette.paper, *palette.accents)) < COLOUR_REACH:
                score[palette.name] = score.get(palette.name, 0.0) + 0.8
                matched.append(word)
    if score:
        best = max(score.values())
        suiting = [palette for palette in PALETTES if score.get(palette.name, 0.0) >= best - 0.25]
    else:
        picks = dice("palette", key).permutation(len(PALETTES))[:PALETTES_FOR_UNKNOWN]
        suiting = [PALETTES[int(pick)] for pick in picks]
    # Neighbouring seeds are what people compare, so they walk through the suiting palettes in turn.
    start = int(dice("palette walk", key).integers(len(suiting)))
    return suiting[(start + seed) % len(suiting)], list(dict.fromkeys(matched))


def _headline(prompt: str) -> str:
    """What a poster says: quoted words, or what follows `poster:`, or the prompt's telling words."""
    quoted = _QUOTED.search(prompt)
    if quoted:
        return " ".join((quoted.group(1) or quoted.group(2)).split())
    announced = _ANNOUNCED.search(prompt)
    if announced:
        return " ".join(announced.group(1).split()[: HEADLINE_WORDS + 2])
    # What stands after the word "poster" is what it is about; what stands before is its style.
    spoken = prompt.split()[:MAX_WORDS_READ]
    after = next((index + 1 for index, word in enumerate(spoken) if words_of(word) in _POSTER), 0)
    if any(part not in FILLERS for word in spoken[after:] for part in words_of(word)):
        spoken = spoken[after:]
    # Fillers go from the ends only: "poster of jazz in Montreux" keeps its "in".
    telling = [index for index, word in enumerate(spoken) if any(part not in FILLERS for part in words_of(word))]
    if telling:
        spoken = spoken[telling[0] : telling[-1] + 1]
    return " ".join(spoken[:HEADLINE_WORDS]).strip(" ,;:-")


def read(prompt: str, seed: int) -> Brief:
    """Decide style, palette, motif and headline. Never fails: any string, the empty one too, makes a brief."""
    words = words_of(prompt)
    key = " ".join(words) or prompt.strip()
    votes, voters = _votes(words)
    if _QUOTED.search(prompt) or _ANNOUNCED.search(prompt):
        votes["poster"] = votes.get("poster", 0.0) + NAMED
    if votes:
        style = max(votes, key=lambda name: (votes[name], -STYLES.index(name)))
    else:
        style = STYLES[int(dice("style", key).integers(len(STYLES) - 1))]
    palette, palette_words = _palette(words, key, seed)
    headline = _headline(prompt)
    said = set(words_of(headline))
    rest = [word for word in words if word not in said and word not in FILLERS and word not in voters.get(style, ())]
    deciding = tuple(dict.fromkeys([*voters.get(style, []), *palette_words]))
    return Brief(style, palette, words, headline, " ".join(rest[:6]), _motif(words), deciding)
