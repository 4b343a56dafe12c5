"""Landscapes in the manner of a screen-printed travel poster: a sky with one disc, layers of land that fade into
haze, and something near. The prompt chooses the country (mountains, forest, sea, desert, hills) and the hour; the
seed chooses where everything stands."""

from __future__ import annotations

import numpy as np

from ..brief import Brief
from ..colour import distance, lightness, mix, ramp
from ..frames import framed
from ..noise import ridge_line
from ..palettes import Palette
from ..paths import polygon, smooth, zipped
from ..press import Stock
from ..scenery import (
    Ridge,
    draw_birds,
    draw_clouds,
    draw_crescent,
    draw_disc,
    draw_glitter,
    draw_halo,
    draw_pine_row,
    draw_rayed_sun,
    draw_ripples,
    draw_stars,
    draw_water,
    haze,
    make_peaks,
    make_ridge,
    shadow_side,
    summits,
)
from ..sheet import LinearTone, Sheet

_COUNTRIES: dict[str, str] = {
    "forest": "forest wood woods woodland pine pines fir tree trees wilderness camping",
    "sea": (
        "sea ocean beach coast coastline island islands bay lagoon harbour harbor sailing sail boat ship lighthouse "
        "shore fjord horizon sailboat yacht surf"
    ),
    "desert": "desert dune dunes canyon savanna sahara sand",
    "hills": "hill hills field fields meadow countryside farm vineyard lavender prairie valley",
    "mountains": "mountain mountains alps peak peaks volcano glacier iceberg cliff cliffs hiking lake ridge snow",
}
_NIGHT = ("night", "midnight", "moon", "moonlight", "stars", "star", "starry", "moonrise")


def draw(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> Stock:
    """Draw a landscape over the whole sheet or within a margin of paper."""
    margin = 46.0 if rng.random() < 0.6 else 0.0
    with framed(sheet, margin):
        view(sheet, brief, rng, is_framed=margin > 0)
    return Stock()


def view(sheet: Sheet, brief: Brief, rng: np.random.Generator, *, is_framed: bool) -> None:
    """The landscape itself, over the whole sheet; `is_framed` keeps its sky apart from a paper margin."""
    _Scene(sheet, brief, rng, is_framed=is_framed).draw()


class _Scene:
    """One view: the colours of its sky and land, where the horizon and the light are."""

    def __init__(self, sheet: Sheet, brief: Brief, rng: np.random.Generator, *, is_framed: bool) -> None:
        self.sheet, self.brief, self.rng = sheet, brief, rng
        palette = brief.palette
        self.palette = palette
        self.night = palette.is_dark or brief.says(*_NIGHT)
        self.misty = brief.says("mist", "misty", "fog", "foggy", "haze", "dawn", "rain", "rainy")
        tones = palette.by_lightness
        if self.night:
            self.sky = palette.paper if palette.is_dark else mix(palette.ink, palette.accents[-1], 0.25)
            self.sky_low = mix(self.sky, palette.accents[int(rng.integers(len(palette.accents)))], 0.55)
            self.light = palette.ink if palette.is_dark else palette.paper
        else:
            self.sky = palette.paper
            self.sky_low = mix(palette.paper, tones[0], float(rng.uniform(0.35, 0.8)))
            self.light = self._sun_colour(palette)
            if rng.random() < 0.35 and not self.misty:
                self.sky, self.sky_low = mix(tones[0], palette.paper, 0.15), mix(palette.paper, tones[0], 0.15)
                self.light = palette.paper
        if is_framed:
            # A sky in the colour of the paper would run into the margin.
            self.sky = mix(self.sky, self.sky_low, 0.3)
        self.disc_x = sheet.width * float(rng.choice([rng.uniform(0.24, 0.42), rng.uniform(0.58, 0.76), 0.5]))
        self.sun_is_left = self.disc_x < sheet.cx

    def _sun_colour(self, palette: Palette) -> str:
        """The warmest accent that the sky lets stand out."""

        def warmth(colour: str) -> float:
            red, blue = int(colour[1:3], 16), int(colour[5:7], 16)
            return red - blue + 60 * lightness(colour)

        return max(palette.accents, key=warmth)

    def _country(self) -> str:
        scores = {name: sum(self.brief.says(word) for word in words.split()) for name, words in _COUNTRIES.items()}
        best = max(scores.values())
        choices = sorted(name for name, score in scores.items() if score == best)
        return choices[int(self.rng.integers(len(choices)))] if best == 0 else choices[0]

    def draw(self) -> None:
        country = self._country()
        horizon = (
            self.sheet.height
            * {
                "mountains": float(self.rng.uniform(0.60, 0.72)),
                "forest": float(self.rng.uniform(0.42, 0.56)),
                "sea": float(self.rng.uniform(0.50, 0.66)),
                "desert": float(self.rng.uniform(0.46, 0.6)),
                "hills": float(self.rng.uniform(0.44, 0.58)),
            }[country]
        )
        self._sky(horizon, low_sun=country in ("sea", "desert", "hills"))
        {
            "mountains": self._mountains,
            "forest": self._forest,
            "sea": self._sea,
            "desert": self._desert,
            "hills": self._hills,
        }[country](horizon)

    def _sky(self, horizon: float, *, low_sun: bool) -> None:
        sheet, rng = self.sheet, self.rng
        sheet.background(self.sky, shade=self.sky_low, tone=LinearTone(0, horizon * 0.1, 0, horizon, 0.0, 0.95))
        radius = float(rng.uniform(78, 165))
        self.disc_radius = radius
        self.disc_y = (
            horizon - radius * float(rng.uniform(0.1, 1.3)) if low_sun else horizon * float(rng.uniform(0.24, 0.56))
        )
        manner = rng.random()
        if self.night:
            draw_stars(sheet, rng, horizon, int(70 * sheet.width * sheet.height / 1e6) + 30, self.light)
            if manner < 0.3:
                draw_crescent(sheet, self.disc_x, self.disc_y, radius * 0.62, self.light)
                return
            draw_halo(sheet, self.disc_x, self.disc_y, radius * 0.8, 2, self.light, 0.07)
            draw_disc(
                sheet, rng, self.disc_x, self.disc_y, radius * 0.8, self.light, mix(self.light, self.sky_low, 0.5)
            )
            return
        if manner < 0.22 and not self.misty:
            draw_rayed_sun(sheet, self.disc_x, self.disc_y, radius, int(rng.integers(14, 24)), self.light, 0.16)
        elif manner < 0.6:
            draw_halo(sheet, self.disc_x, self.disc_y, radius, int(rng.integers(2, 4)), self.light, 0.13)
        draw_disc(sheet, rng, self.disc_x, self.disc_y, radius, self.light, self._ember())
        if rng.random() < 0.55:
            draw_clouds(
                sheet,
                rng,
                horizon * 0.15,
                horizon * 0.75,
                int(rng.integers(2, 5)),
                mix(self.sky, self.palette.light, 0.6),
                0.85,
            )
        if rng.random() < 0.5:
            away = 0.7 if self.sun_is_left else 0.3
            draw_birds(sheet, rng, sheet.width * away, horizon * float(rng.uniform(0.3, 0.55)), self.palette.dark)

    def _ember(self) -> str:
        """What the disc deepens to: the neighbouring accent."""
        others = [colour for colour in self.palette.accents if colour != self.light]
        return mix(self.light, min(others, key=lambda colour: distance(colour, self.light)), 0.75)

    def _land_colours(self, count: int) -> list[str]:
        """Colours of the layers from far to near, ending near the darkest ink."""
        accents = sorted(self.palette.accents, key=lightness, reverse=not self.night)
        if self.night:
            start = mix(self.sky_low, self.palette.accents[0], 0.5)
            return haze(
                ramp([start, mix(accents[0], self.sky, 0.35), mix(self.palette.dark, "#000000", 0.35)], count),
                self.sky_low,
                0.5,
            )
        middle = [colour for colour in accents if colour != self.light][-2:]
        return haze(ramp([*middle, self.palette.ink], count), self.sky_low, 0.72 if self.misty else 0.5)

    def _layer(self, ridge: Ridge, colour: str, veil: str, depth: float, strength: float) -> None:
        """One fold of land whose foot is lost in the haze."""
        top = float(np.percentile(ridge.y, 30))
        tone = LinearTone(0, top, 0, top + depth, 0.0, strength)
        self.sheet.area(polygon(ridge.outline(self.sheet.height + 60)), colour, shade=veil, tone=tone)

    def _mountains(self, horizon: float) -> None:
        sheet, rng = self.sheet, self.rng
        far, main, near, front = self._land_colours(4)
        veil = mix(self.sky_low, self.palette.light, 0.3)
        self._layer(make_ridge(rng, sheet, horizon * 0.78, horizon * 0.16, 330, 0.5), far, veil, horizon * 0.3, 0.8)
        heights: list[tuple[float, float, float]] = []
        hero = (
            sheet.width - self.disc_x
            if abs(self.disc_x - sheet.cx) > 60
            else sheet.width * float(rng.uniform(0.35, 0.65))
        )
        heights.append((hero, horizon * float(rng.uniform(0.5, 0.68)), float(rng.uniform(290, 420))))
        heights.extend(
            (
                float(rng.uniform(-0.05, 1.05)) * sheet.width,
                horizon * float(rng.uniform(0.22, 0.46)),
                float(rng.uniform(170, 330)),
            )
            for _ in range(int(3 + sheet.width / 700))
        )
        peaks = make_peaks(rng, sheet, horizon + 40, heights)
        self._layer(peaks, main, veil, horizon * 0.62, 0.55)
        self._faces(peaks, main, near, horizon + 30)
        if rng.random() < 0.62 or self.brief.says("lake", "reflection", "water", "fjord"):
            self._lake(horizon, [main, near, front], peaks)
        else:
            self._foothills(horizon, [near, front])

    def _faces(self, peaks: Ridge, colour: str, dark: str, foot: float) -> None:
        """Shadow sides and, on most, snow on the lit ones."""
        sheet, rng = self.sheet, self.rng
        snow = mix(self.palette.light, colour, 0.06)
        snowy = self.brief.says("snow", "winter", "alps", "ice", "glacier") or rng.random() < 0.55
        outline = polygon(peaks.outline(sheet.height + 60))
        with sheet.clipped(outline):
            for summit in summits(peaks, 75):
                top = float(peaks.y[summit])
                if foot - top < 70:
                    continue
                if snowy and foot - top > 150:
                    self._snow_cap(peaks, summit, (foot - top) * float(rng.uniform(0.26, 0.4)), snow)
                face = shadow_side(rng, peaks, summit, foot, self.sun_is_left)
                tone = LinearTone(0, top, 0, foot, 0.0, 0.9)
                shaded = mix(colour, dark, 0.8)
                sheet.area(polygon(face), shaded, shade=colour, tone=tone)

    def _snow_cap(self, peaks: Ridge, summit: int, depth: float, snow: str) -> None:
        """Snow down to a jagged line below the summit."""
        top_x, top_y = float(peaks.x[summit]), float(peaks.y[summit])
        spread = depth * 1.7
        teeth = [(top_x - spread, top_y - 60), (top_x + spread, top_y - 60)]
        count = 9
        for tooth in range(count + 1):
            low = depth * (float(self.rng.uniform(0.8, 1.05)) if tooth % 2 else float(self.rng.uniform(0.42, 0.66)))
            teeth.append((top_x + spread - 2 * spread * tooth / count, top_y + low))
        self.sheet.area(polygon(teeth), snow)

    def _foothills(self, horizon: float, colours: list[str]) -> None:
        sheet, rng = self.sheet, self.rng
        veil = mix(self.sky_low, self.palette.light, 0.2)
        middle = make_ridge(rng, sheet, horizon + 40, 50, 420, 0.42)
        self._layer(middle, colours[0], veil, sheet.height * 0.24, 0.5)
        draw_pine_row(sheet, rng, middle, 44, 9, mix(colours[0], colours[1], 0.35))
        front = make_ridge(rng, sheet, sheet.height * 0.9, 60, 620, 0.36)
        self._layer(front, colours[1], colours[0], sheet.height * 0.3, 0.25)
        draw_pine_row(sheet, rng, front, float(rng.uniform(110, 190)), 5, colours[1])

    def _lake(self, horizon: float, colours: list[str], peaks: Ridge) -> None:
        sheet, rng = self.sheet, self.rng
        water = mix(self.sky_low, self.sky, 0.35)
        draw_water(sheet, horizon, water, mix(water, colours[1], 0.75))
        mirrored = [(x, horizon + (horizon + 40 - y) * 0.62 - 20) for x, y in zipped(peaks.x, peaks.y)]
        shape = polygon([*mirrored, (sheet.width + 60, horizon), (-60, horizon)])
        sheet.area(shape, colours[0], opacity=0.5)
        draw_ripples(sheet, rng, horizon, water, int(46 * sheet.width / 1000), 0.75)
        draw_glitter(
            sheet, rng, self.disc_x, horizon, self.disc_radius * 1.1, mix(self.light, self.palette.light, 0.25)
        )
        shore = make_ridge(rng, sheet, horizon + 4, 9, 260, 0.5)
        band = [*zipped(shore.x, np.minimum(shore.y, horizon - 2)), (sheet.width + 60, horizon + 7), (-60, horizon + 7)]
        sheet.area(polygon(band), colours[1])
        draw_pine_row(sheet, rng, Ridge(shore.x, np.full_like(shore.x, horizon)), 38, 10, colours[1])
        self._near_bank(colours[2])

    def _near_bank(self, colour: str) -> None:
        """A dark bank with tall pines that frames one side of the picture."""
        sheet, rng = self.sheet, self.rng
        x = np.arange(-60.0, sheet.width + 60, 6.0)
        toward = x / sheet.width if self.sun_is_left else 1 - x / sheet.width
        rise = sheet.height * 0.17 * np.clip(toward - 0.18, 0, 1) ** 1.6
        bank = Ridge(x, sheet.height + 24 - rise - 12 * ridge_line(rng, x / 120, 0.5, 3))
        sheet.area(polygon(bank.outline(sheet.height + 80)), colour)
        keep = toward > 0.42
        draw_pine_row(sheet, rng, Ridge(bank.x[keep], bank.y[keep]), float(rng.uniform(190, 300)), 4.5, colour)

    def _forest(self, horizon: float) -> None:
        sheet, rng = self.sheet, self.rng
        layers = int(rng.integers(5, 7))
        veil = mix(self.sky_low, self.palette.light, 0.35)
        for index, colour in enumerate(self._land_colours(layers)):
            near = index / (layers - 1)
            level = horizon + (sheet.height * 0.97 - horizon) * near**1.1
            ridge = make_ridge(rng, sheet, level, 46 + 40 * near, 300 + 360 * near, 0.45)
            depth = (sheet.height - horizon) * 0.42
            self._layer(ridge, colour, veil if near < 0.95 else colour, depth, 1.0 if self.misty else 0.75)
            draw_pine_row(sheet, rng, ridge, 34 + 230 * near**1.35, 15 - 9.5 * near, colour)

    def _sea(self, horizon: float) -> None:
        sheet, rng = self.sheet, self.rng
        colours = self._land_colours(4)
        cool = min(self.palette.accents, key=lambda colour: int(colour[1:3], 16) - int(colour[5:7], 16))
        water = mix(cool, self.sky_low, 0.45)
        draw_water(sheet, horizon, water, mix(cool, self.palette.dark, 0.45))
        draw_glitter(sheet, rng, self.disc_x, horizon, self.disc_radius * 1.5, mix(self.light, self.palette.light, 0.2))
        draw_ripples(sheet, rng, horizon, mix(water, self.palette.light, 0.45), int(30 * sheet.width / 1000), 0.6)
        for index in range(int(rng.integers(2, 4))):
            self._island(
                horizon + 4 + index * 16,
                colours[min(index, 2)],
                away=not self.sun_is_left if index else self.sun_is_left,
            )
        if self.brief.says("sail", "sailing", "boat", "ship", "sailboat", "regatta") or rng.random() < 0.45:
            self._sailboat(horizon, colours[3])
        if rng.random() < 0.55:
            self._headland(colours[3])

    def _island(self, level: float, colour: str, *, away: bool) -> None:
        sheet, rng = self.sheet, self.rng
        at = sheet.width * float(rng.uniform(0.62, 0.95) if away else rng.uniform(0.05, 0.38))
        half, tall = float(rng.uniform(150, 300)), float(rng.uniform(50, 150))
        x = np.linspace(at - half, at + half, 90)
        bump = np.maximum(0, 1 - ((x - at) / half) ** 2) ** 0.8
        y = level - bump * tall * (0.85 + 0.5 * ridge_line(rng, x / 110, 0.5, 4))
        shape = polygon([*zipped(x, np.minimum(y, level)), (at + half, level), (at - half, level)])
        sheet.area(
            shape, colour, shade=mix(colour, self.sky_low, 0.6), tone=LinearTone(0, level - tall, 0, level, 0.0, 0.7)
        )

    def _sailboat(self, horizon: float, dark: str) -> None:
        sheet, rng = self.sheet, self.rng
        scale = float(rng.uniform(0.7, 1.25))
        x = sheet.width - self.disc_x + float(rng.uniform(-70, 70))
        y = horizon + (sheet.height - horizon) * float(rng.uniform(0.22, 0.4))
        with sheet.moved(x, y, scale=scale):
            sail = self.palette.light
            sheet.area(
                "M4,-150C58,-112 66,-62 62,-22L4,-22Z",
                sail,
                shade=mix(sail, self._ember(), 0.7),
                tone=LinearTone(0, 0, 66, 0, 0.0, 0.7),
            )
            sheet.area("M-4,-128C-30,-96 -44,-54 -46,-22L-4,-22Z", mix(sail, self._ember(), 0.55))
            sheet.area("M-64,-14H72C64,8 46,18 26,18H-34C-50,14 -60,2 -64,-14Z", dark)
            sheet.line("M0,-158V-14", dark, 4)
            for row, half in ((30, 60), (42, 44), (54, 24)):
                sheet.area(f"M{-half},{row}h{2 * half}v5h{-2 * half}Z", dark, opacity=0.55)

    def _headland(self, colour: str) -> None:
        """A near cliff or beach that comes in from one side, with grass on it."""
        sheet, rng = self.sheet, self.rng
        x = np.arange(-60.0, sheet.width + 60, 6.0)
        toward = 1 - x / sheet.width if self.sun_is_left else x / sheet.width
        rise = sheet.height * 0.2 * np.clip(toward * 1.5 - 0.75, 0, 1) ** 0.7
        land = Ridge(x, sheet.height + 26 - rise - 9 * ridge_line(rng, x / 100, 0.5, 3))
        sheet.area(polygon(land.outline(sheet.height + 80)), colour)
        for _ in range(int(110 * sheet.width / 1000)):
            at = float(rng.uniform(0, sheet.width))
            foot = land.height_at(at)
            if foot < sheet.height - 14:
                lean, tall = float(rng.uniform(-14, 24)), float(rng.uniform(22, 66))
                sheet.line(
                    smooth([(at, foot + 4), (at + lean * 0.3, foot - tall * 0.6), (at + lean, foot - tall)]),
                    colour,
                    2.4,
                )

    def _desert(self, horizon: float) -> None:
        sheet, rng = self.sheet, self.rng
        colours = self._land_colours(5)
        self._layer(make_ridge(rng, sheet, horizon, 34, 260, 0.3), colours[0], self.sky_low, 120, 0.5)
        for index in range(1, 5):
            near = index / 4
            level = horizon + (sheet.height - horizon) * (0.1 + 0.62 * near**1.2)
            ridge = make_ridge(rng, sheet, level, 46 + 50 * near, 420 + 240 * near, 0.16)
            lit = mix(colours[index - 1], self.palette.light, 0.25) if index < 4 else colours[3]
            self._layer(ridge, lit, colours[index], (sheet.height - level) * 0.9 + 120, 0.9)
            self._dune_crest(ridge, colours[index])

    def _dune_crest(self, ridge: Ridge, shadow: str) -> None:
        """The slip face: shadow that falls from the highest crest in one sweeping line."""
        sheet, rng = self.sheet, self.rng
        tops = [top for top in summits(ridge, 260) if 0.1 < ridge.x[top] / sheet.width < 0.9]
        if not tops:
            return
        summit = min(tops, key=lambda top: float(ridge.y[top]))
        x, y = float(ridge.x[summit]), float(ridge.y[summit])
        side = 1 if self.sun_is_left else -1
        edge = sheet.width + 60 if side > 0 else -60.0
        drop = float(rng.uniform(240, 380))
        sweep = (
            f"M{x:.1f},{y - 6:.1f}C{x + side * 16:.1f},{y + drop * 0.3:.1f} "
            f"{x - side * drop * 0.55:.1f},{y + drop * 0.45:.1f} "
            f"{x - side * drop * 0.2:.1f},{y + drop:.1f}L{x + side * 60:.1f},{sheet.height + 60:.1f}"
            f"H{edge:.1f}V{y - 60:.1f}Z"
        )
        with sheet.clipped(polygon(ridge.outline(sheet.height + 60))):
            lit = mix(shadow, self.palette.light, 0.22)
            sheet.area(sweep, lit, shade=shadow, tone=LinearTone(0, y, 0, y + drop, 1.0, 0.35))

    def _hills(self, horizon: float) -> None:
        sheet, rng = self.sheet, self.rng
        count = int(rng.integers(5, 8))
        accents = [colour for colour in self.palette.by_lightness if colour != self.light] or list(self.palette.accents)
        base = self._land_colours(count)
        for index in range(count):
            near = index / (count - 1)
            level = horizon + (sheet.height * 0.94 - horizon) * near**1.15
            ridge = make_ridge(rng, sheet, level, 40 + 46 * near, 380 + 300 * near, 0.26)
            crop = mix(accents[index % len(accents)], base[index], 0.45)
            outline = polygon(ridge.outline(sheet.height + 60))
            sheet.area(
                outline, crop, shade=mix(crop, base[-1], 0.6), tone=LinearTone(0, level - 60, 0, level + 240, 0.0, 0.85)
            )
            if rng.random() < 0.7:
                with sheet.clipped(outline):
                    self._furrows(ridge, mix(crop, self.palette.light if rng.random() < 0.5 else base[-1], 0.42), near)
            if rng.random() < 0.6 and index < count - 1:
                draw_pine_row(sheet, rng, ridge, 26 + 50 * near, 3, base[-1])

    def _furrows(self, ridge: Ridge, colour: str, near: float) -> None:
        """Rows of a field that run to one point beyond the crest."""
        sheet, rng = self.sheet, self.rng
        gather = float(rng.uniform(-0.2, 1.2)) * sheet.width
        spread = float(rng.uniform(34, 60)) * (0.6 + near)
        middle = float(rng.uniform(0.3, 0.7)) * sheet.width
        for row in range(-16, 17):
            top = gather * 0.3 + middle * 0.7 + row * spread * 0.5
            start = ridge.height_at(min(max(top, 0), sheet.width)) - 4
            far = middle + row * spread * 2.6
            line = smooth([(top, start), (top * 0.6 + far * 0.4, start + 90), (far, start + 330)])
            sheet.line(line, colour, 2.0 + 3.2 * near)
