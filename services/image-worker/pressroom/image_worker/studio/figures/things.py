"""Things and plants in few cuts, drawn about the origin in a box of about 800 x 900 units and standing on y = 420."""

from __future__ import annotations

import math

from ..paths import circle, ellipse, leaf, polygon, rect, ring, rounded_rect, sector
from .cutter import Cutter


def pumpkin(cutter: Cutter) -> None:
    """A carved pumpkin."""
    inks = cutter.inks
    cutter.part(
        "M-34,-150C-44,-240 -90,-280 -60,-330L20,-344C10,-280 30,-210 40,-150Z", inks.second, (-80, -344, 40, -150)
    )
    cutter.stroke("M30,-200C120,-300 210,-230 170,-180C140,-150 120,-190 150,-206", inks.second, 11)
    cutter.part(leaf(-40, -190, 210, 70, math.pi + 0.35), inks.second, (-250, -290, -40, -150))
    for x, wide in ((250, 140), (-250, 140), (140, 170), (-140, 170), (0, 176)):
        cutter.part(ellipse(x, 120, wide, 292 - abs(x) * 0.22), inks.body, (x - wide, -170, x + wide, 410))
    hollow = inks.light if cutter.manner == "neon" else inks.dark
    glow = inks.accent
    for path in (
        polygon([(-236, 30), (-150, -84), (-62, 44)]),
        polygon([(236, 30), (150, -84), (62, 44)]),
        polygon([(-38, 124), (0, 58), (38, 124)]),
        "M-270,150C-200,196 -160,176 -136,188L-110,232L-66,204L-24,212L0,256L36,210L76,204"
        "L116,232L140,186C180,176 220,186 270,150"
        "C250,290 140,362 84,352L56,300L16,310L-22,366C-140,362 -250,270 -270,150Z",
    ):
        cutter.flat(path, hollow)
        with cutter.sheet.moved(0, 9, scale=0.94):
            cutter.flat(path, glow)


def mushroom(cutter: Cutter) -> None:
    """Three toadstools in the grass."""
    inks = cutter.inks
    for x, foot, size in ((-220, 424, 0.52), (232, 428, 0.62), (0, 420, 1.0)):
        with cutter.sheet.moved(x, foot, scale=size):
            cutter.part(
                "M-78,0C-50,-120 -44,-260 -60,-380H60C44,-260 50,-120 78,0Q0,26 -78,0Z", inks.light, (-78, -380, 78, 20)
            )
            cutter.part("M-100,-300C-60,-262 60,-262 100,-300L84,-330H-84Z", inks.second, (-100, -330, 100, -262))
            cutter.part(
                "M-300,-372C-120,-330 120,-330 300,-372C120,-300 -120,-300 -300,-372Z",
                inks.second,
                (-300, -372, 300, -310),
            )
            cap = "M-318,-378C-310,-600 -140,-760 0,-760C140,-760 310,-600 318,-378C140,-330 -140,-330 -318,-378Z"
            cutter.part(cap, inks.body, (-318, -760, 318, -340))
            with cutter.sheet.clipped(cap):
                for at_x, at_y, radius in (
                    (-150, -560, 54),
                    (40, -640, 62),
                    (190, -520, 46),
                    (-20, -470, 40),
                    (-250, -430, 38),
                    (150, -410, 32),
                    (270, -400, 28),
                    (-110, -700, 24),
                ):
                    cutter.flat(ellipse(at_x, at_y, radius, radius * 0.86), inks.light)
    for blade in range(26):
        x = -360 + blade * 29
        cutter.flat(
            leaf(x, 440, 70 + 34 * math.sin(blade * 2.3), 8, -math.pi / 2 + 0.3 * math.sin(blade * 1.7)), inks.dark
        )


def controller(cutter: Cutter) -> None:
    """A game pad with its lead."""
    inks = cutter.inks
    cutter.stroke(
        "M0,-170C0,-330 -210,-250 -190,-370C-176,-450 60,-420 110,-520",
        inks.dark if cutter.manner != "neon" else inks.second,
        15,
    )
    body = (
        "M-250,-180C-150,-196 -120,-150 0,-150C120,-150 150,-196 250,-180C360,-160 420,60 410,200"
        "C400,310 300,320 240,240"
        "C200,186 170,150 110,150H-110C-170,150 -200,186 -240,240C-300,320 -400,310 -410,200"
        "C-420,60 -360,-160 -250,-180Z"
    )
    cutter.part(body, inks.body, (-410, -190, 410, 300))
    panel = cutter.on(inks.body) if cutter.manner != "neon" else inks.second
    cutter.part(circle(-240, -30, 112), panel, (-352, -142, -128, 82), 0.35)
    cutter.part(circle(240, -30, 112), panel, (128, -142, 352, 82), 0.35)
    key = cutter.on(panel) if cutter.manner != "neon" else inks.accent
    cutter.flat("M-264,-112h48v58h58v48h-58v58h-48v-58h-58v-48h58Z", key)
    buttons = ((240, -92, inks.accent), (302, -30, inks.second), (240, 32, inks.accent), (178, -30, inks.second))
    for x, y, colour in buttons:
        cutter.part(circle(x, y, 32), colour, (x - 32, y - 32, x + 32, y + 32))
    for x in (-92, 92):
        cutter.part(circle(x, 72, 60), inks.dark, (x - 60, 12, x + 60, 132), 0.3)
        cutter.part(circle(x, 66, 40), inks.second, (x - 40, 26, x + 40, 106))
    for x in (-46, 10):
        cutter.flat(rounded_rect(x, -68, 40, 17, 8), inks.dark)
    cutter.flat(circle(0, -110, 11), inks.accent)


def cup(cutter: Cutter) -> None:
    """A full cup on its saucer, steaming."""
    inks = cutter.inks
    for index, x in enumerate((-110, 0, 110)):
        lift = 40 if index == 1 else 0
        cutter.stroke(
            f"M{x},{-190 - lift}C{x - 70},{-260 - lift} {x + 70},{-310 - lift} {x},{-390 - lift}", inks.second, 15
        )
    cutter.part(ellipse(0, 372, 380, 52), inks.second, (-380, 320, 380, 424))
    cutter.part(ellipse(0, 352, 250, 28), inks.dark, (-250, 324, 250, 380), 0.3)
    cutter.limb("M230,-20C400,-60 400,190 200,190", inks.body, 44)
    bowl = "M-270,-110H270C270,110 210,350 70,356H-70C-210,350 -270,110 -270,-110Z"
    cutter.part(bowl, inks.body, (-270, -110, 270, 356))
    with cutter.sheet.clipped(bowl):
        band = cutter.on(inks.body)
        for index in range(-7, 8):
            cutter.flat(sector(index * 74, 96, 37, math.pi, 2 * math.pi), inks.accent if index % 2 else band)
        cutter.flat(rect(-300, 104, 600, 12), band)
    cutter.part(ellipse(0, -110, 270, 56), inks.light, (-270, -166, 270, -54), 0.4)
    cutter.part(ellipse(0, -104, 236, 42), inks.dark, (-236, -146, 236, -62), 0.4)
    cutter.stroke("M-110,-104C-60,-80 40,-132 110,-104", inks.second, 7)


def fruit(cutter: Cutter) -> None:
    """Cut and whole citrus with leaves."""
    inks = cutter.inks
    cutter.part(leaf(70, -60, 360, 110, -1.15), inks.second, (70, -400, 260, -60))
    cutter.part(leaf(40, -60, 300, 92, -2.1), inks.second, (-120, -330, 40, -60))
    cutter.stroke("M70,-60l130,-292M40,-60l-136,-230", cutter.on(inks.second), 5)
    cutter.part(circle(170, 60, 230), inks.body, (-60, -170, 400, 290))
    for index in range(16):
        turn, far = index * 2.4, 34 * math.sqrt(index + 1)
        cutter.flat(circle(230 + far * math.cos(turn), 100 + far * math.sin(turn), 4.5), cutter.on(inks.body))
    for x, y, radius, flesh in ((-170, 170, 240, inks.accent), (220, 300, 136, inks.body)):
        cutter.part(circle(x, y, radius), inks.body, (x - radius, y - radius, x + radius, y + radius), 0.5)
        cutter.flat(circle(x, y, radius * 0.9), inks.light)
        for slice_ in range(9):
            start = slice_ * 2 * math.pi / 9 + 0.1
            middle = start + math.pi / 9
            cx, cy = x + radius * 0.06 * math.cos(middle), y + radius * 0.06 * math.sin(middle)
            cutter.part(
                sector(cx, cy, radius * 0.76, start + 0.06, start + 2 * math.pi / 9 - 0.06),
                flesh,
                (x - radius, y - radius, x + radius, y + radius),
                0.6,
            )
        cutter.flat(circle(x, y, radius * 0.05), inks.light)


def rocket(cutter: Cutter) -> None:
    """A rocket on its way up, with all its fire."""
    inks = cutter.inks
    for wide, long, colour in ((104, 470, inks.second), (70, 400, inks.accent), (36, 300, inks.light)):
        cutter.part(
            f"M{-wide},170C{-wide * 1.1:.0f},{170 + long * 0.4:.0f} "
            f"{-wide * 0.3:.0f},{170 + long * 0.6:.0f} 0,{long}"
            f"C{wide * 0.3:.0f},{170 + long * 0.6:.0f} {wide * 1.1:.0f},{170 + long * 0.4:.0f} "
            f"{wide},170Z",
            colour,
            (-wide, 170, wide, long),
            0.6,
        )
    for side in (-1, 1):
        cutter.part(
            f"M{side * 110},-20C{side * 220},40 {side * 260},150 {side * 240},270L{side * 96},170Z",
            inks.second,
            (-260, -20, 260, 270),
        )
    hull = (
        "M0,-440C110,-350 160,-180 150,0C146,80 130,140 110,190H-110C-130,140 -146,80 -150,0"
        "C-160,-180 -110,-350 0,-440Z"
    )
    cutter.part(hull, inks.light, (-160, -440, 160, 190), 0.8)
    with cutter.sheet.clipped(hull):
        cutter.part("M-200,-460H200V-250Q0,-200 -200,-250Z", inks.body, (-160, -440, 160, -220))
        cutter.part("M-200,90Q0,130 200,90V220H-200Z", inks.body, (-160, 90, 160, 200))
    cutter.part(circle(0, -90, 72), inks.accent, (-72, -162, 72, -18), 0.4)
    cutter.part(circle(0, -90, 50), inks.dark, (-50, -140, 50, -40), 0.5)
    cutter.stroke("M-24,-112Q-16,-126 2,-126", inks.light, 8)
    cutter.part(polygon([(-16, 60), (16, 60), (22, 250), (-22, 250)]), inks.second, (-22, 60, 22, 250))


def cactus(cutter: Cutter) -> None:
    """A cactus in a pot, in bloom."""
    inks = cutter.inks
    for path, width in (
        ("M0,200V-260", 190),
        ("M-60,60H-170C-230,60 -240,20 -240,-20V-110", 104),
        ("M60,0H180C240,0 244,-40 244,-80V-190", 104),
    ):
        cutter.limb(path, inks.body, width)
    for x, top, bottom, step in ((0, -310, 190, 38), (-240, -140, -10, 26), (244, -220, -70, 26)):
        for rib in (-1, 0, 1):
            cutter.stroke(f"M{x + rib * step},{top + abs(rib) * 26}V{bottom}", cutter.on(inks.body), 4.5)
    for x, y, size in ((0, -372, 62), (-240, -172, 40), (244, -252, 40)):
        for index in range(5):
            turn = -math.pi / 2 + (index - 2) * 0.56
            cutter.part(
                leaf(x, y + size * 0.5, size * 1.5, size * 0.4, turn),
                inks.accent,
                (x - size, y - size, x + size, y + size),
            )
    cutter.part("M-190,176H190L146,420H-146Z", inks.second, (-190, 176, 190, 420))
    cutter.part(rect(-214, 160, 428, 62), inks.second, (-214, 160, 214, 222))
    line = cutter.on(inks.second)
    cutter.stroke("M" + "L".join(f"{-150 + index * 25},{322 if index % 2 else 282}" for index in range(13)), line, 7)


def guitar(cutter: Cutter) -> None:
    """A guitar that leans to the right."""
    inks = cutter.inks
    with cutter.sheet.moved(0, 30, turn=24):
        cutter.part(rect(-30, -430, 60, 500), inks.dark, (-30, -430, 30, 70), 0.4)
        cutter.part(polygon([(-46, -430), (-38, -540), (38, -540), (46, -430)]), inks.second, (-46, -540, 46, -430))
        body = (
            "M0,-90C90,-120 170,-90 170,-10C170,50 130,70 140,120C150,160 220,190 220,280C220,380 "
            "120,430 0,430C-120,430 -220,380 -220,280C-220,190 -150,160 -140,120C-130,70 -170,50 "
            "-170,-10C-170,-90 -90,-120 0,-90Z"
        )
        cutter.part(body, inks.body, (-220, -110, 220, 430))
        cutter.part("M60,150C130,180 180,230 180,300C150,380 80,396 40,380Z", inks.second, (40, 150, 190, 390))
        cutter.flat(ring(0, 110, 86, 70), inks.light)
        cutter.part(circle(0, 110, 64), inks.dark, (-64, 46, 64, 174), 0.4)
        cutter.flat(rounded_rect(-92, 300, 184, 34, 10), inks.dark)
        for string in range(6):
            x = -20 + string * 8
            cutter.stroke(f"M{x},-500L{x * 1.4:.0f},316", inks.light, 2.6)
        for fret in range(8):
            cutter.stroke(f"M-30,{-400 + fret * 46}h60", inks.light, 3)
        for peg in range(3):
            for side in (-1, 1):
                cutter.flat(circle(side * 58, -522 + peg * 36, 12), inks.accent)


def pot_plant(cutter: Cutter) -> None:
    """Large leaves in a pot."""
    inks = cutter.inks
    for index in range(7):
        turn = -math.pi / 2 + (index - 3) * 0.36
        long = 470 - 40 * abs(index - 3)
        cutter.part(leaf(0, 170, long, 86, turn), inks.body if index % 2 else inks.second, (-300, -300, 300, 170))
    cutter.part("M-160,170H160L120,420H-120Z", inks.accent, (-160, 170, 160, 420))
    cutter.stroke(ellipse(0, 172, 160, 14), inks.dark, 5)
