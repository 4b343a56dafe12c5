"""The figures that studio can draw, by name."""

from __future__ import annotations

from collections.abc import Callable

from . import animals, things
from .cutter import Cutter, Inks

__all__ = ["FIGURES", "Cutter", "Inks"]

FIGURES: dict[str, Callable[[Cutter], None]] = {
    "bird": animals.bird,
    "butterfly": animals.butterfly,
    "cactus": things.cactus,
    "cat": animals.cat,
    "controller": things.controller,
    "cup": things.cup,
    "fish": animals.fish,
    "fox": animals.fox,
    "fruit": things.fruit,
    "guitar": things.guitar,
    "heron": animals.heron,
    "mushroom": things.mushroom,
    "owl": animals.owl,
    "plant": things.pot_plant,
    "pumpkin": things.pumpkin,
    "rocket": things.rocket,
    "skull": animals.skull,
    "whale": animals.whale,
}
