"""What the remote vendors made beside what our documents say of it, image by image.

An image has one picture at the vendor that made it. Each further one must be explained by a try of the same image, at
the same vendor, of which nobody heard (`unknown`): its worker died between asking and storing the answer. Pure, but for
the reading; every prompt of the load has a label of its own, by which the vendor's side is told apart.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import httpx

from pressroom.contracts.vocabulary import ProviderName, TryOutcome
from pressroom.state.documents import ImageDocument

_COLLECTIONS = {
    ProviderName.FLUX: ("tasks",),
    ProviderName.RUNPOD: ("jobs",),
    ProviderName.COMFYUI: ("queue", "history"),
    ProviderName.OPENAI: ("images",),
}
_JOBS = {
    ProviderName.FLUX: "jobs",
    ProviderName.RUNPOD: "jobs",
    ProviderName.COMFYUI: "jobs",
    ProviderName.OPENAI: "images",
}
"""How the vendor's statistics call what it bills."""

_LABEL = re.compile(r"number \d+-\d+")

Made = Mapping[ProviderName, Counter[str]]
"""How many jobs, or pictures where there are no jobs, each vendor has for each label."""


def label_of(text: str) -> str:
    """Which prompt of the load a text is about."""
    found = _LABEL.search(text)
    return found.group() if found else "something that nobody asked for"


@dataclass
class Reckoning:
    """`unsure`: jobs beyond one for an image that were counted as perhaps paid. `doubled`: those that nobody counted.
    `missing`: images that are said to be made and are not."""

    unsure: int = 0
    doubled: list[str] = field(default_factory=list[str])
    missing: list[str] = field(default_factory=list[str])


def reckon(images: Iterable[ImageDocument], made: Made) -> Reckoning:
    """Compare the two sides."""
    result = Reckoning()
    told = {name: _tries(images, name) for name in made}
    for name, counts in made.items():
        for label in counts.keys() | told[name].keys():
            jobs, outcomes = counts[label], told[name].get(label, Counter())
            expected, unheard = outcomes[TryOutcome.MADE], outcomes[TryOutcome.UNKNOWN]
            beyond = jobs - expected
            result.unsure += min(max(beyond, 0), unheard)
            if beyond > unheard:
                result.doubled.append(f"{name} has {jobs} jobs for {label!r}; the documents tell of {dict(outcomes)}")
            if beyond < 0:
                result.missing.append(f"{name} has {jobs} jobs for {label!r}, and {expected} are said to be made")
    return result


def _tries(images: Iterable[ImageDocument], name: ProviderName) -> dict[str, Counter[TryOutcome]]:
    found: dict[str, Counter[TryOutcome]] = {}
    for image in images:
        outcomes = [attempt.outcome for attempt in image.tries if attempt.provider is name]
        if outcomes:
            found.setdefault(label_of(image.prompt), Counter()).update(outcomes)
    return found


async def read_made(
    http: httpx.AsyncClient, stats: Mapping[str, Mapping[str, object]]
) -> dict[ProviderName, Counter[str]]:
    """What the sandbox has made, by its own books. What its statistics count and its lists do not show is there too."""
    made: dict[ProviderName, Counter[str]] = {}
    for name, collections in _COLLECTIONS.items():
        counts: Counter[str] = Counter()
        for collection in collections:
            answer = (await http.get(f"/_sandbox/{name}/{collection}")).raise_for_status().json()
            counts.update(label_of(json.dumps(item)) for item in answer["items"])
        billed = stats[name][_JOBS[name]]
        assert isinstance(billed, int)
        # A prompt that was posted twice under one id is one in the history.
        counts["a job that is not in its lists"] += billed - counts.total()
        made[name] = +counts
    return made
