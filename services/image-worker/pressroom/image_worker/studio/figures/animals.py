"""Animals in few cuts, in the spirit of mid-century natural history prints. Each is drawn about the origin in a box
of about 800 x 900 units and stands on y = 420."""

from __future__ import annotations

import math

from ..paths import circle, drop, ellipse, leaf, polygon, sector, smooth
from .cutter import Cutter


def cat(cutter: Cutter) -> None:
    """A cat that sits and looks at you."""
    inks = cutter.inks
    body = "M-152,420C-262,300 -190,40 -112,-50L112,-50C190,40 262,300 152,420Z"
    cutter.limb("M120,386C330,420 372,230 262,150C214,116 236,66 276,74", inks.body, 54)
    cutter.part(body, inks.body, (-240, -60, 240, 420))
    cutter.part("M0,-20C74,10 92,120 0,214C-92,120 -74,10 0,-20Z", inks.light, (-90, -20, 90, 214), 0.4)
    for side in (-1, 1):
        cutter.stroke(f"M{side * 46},240V396", cutter.on(inks.body), 5)
        cutter.part(ellipse(side * 74, 402, 66, 30), inks.second, (side * 74 - 66, 372, side * 74 + 66, 432), 0.6)
        cutter.stroke(f"M{side * 74 - 16},396v22M{side * 74 + 14},396v22", cutter.on(inks.second), 4)
    head = (
        "M-190,-352C-146,-330 -104,-304 -72,-276Q0,-294 72,-276C104,-304 146,-330 190,-352C214,-276 222,-206 208,-144"
        "C186,-50 92,-4 0,-4C-92,-4 -186,-50 -208,-144C-222,-206 -214,-276 -190,-352Z"
    )
    cutter.part(head, inks.body, (-210, -350, 210, -4))
    mark = cutter.on(inks.body)
    for side in (-1, 1):
        cutter.flat(polygon([(side * 172, -312), (side * 108, -270), (side * 184, -226)]), inks.accent)
        cutter.flat(leaf(side * 36, -138, 122, 50, -0.18 if side > 0 else math.pi + 0.18, 0.5), inks.accent)
        cutter.flat(ellipse(side * 93, -149, 13, 33), inks.dark if cutter.manner != "neon" else inks.light)
        if cutter.manner != "neon":
            cutter.flat(circle(side * 93 + 6, -162, 6), inks.light)
        for whisker in (-1, 0, 1):
            cutter.stroke(
                f"M{side * 78},{-78 + whisker * 14}Q{side * 170},{-88 + whisker * 26} "
                f"{side * 262},{-74 + whisker * 44}",
                mark,
                3.6,
            )
        cutter.stroke(f"M{side * 206},-120l{-side * 50},8M{side * 200},-94l{-side * 40},2", mark, 6)
    cutter.stroke("M0,-262v54M-30,-254l6,38M30,-254l-6,38", mark, 8)
    cutter.flat(polygon([(-24, -104), (24, -104), (0, -78)]), inks.second)
    cutter.stroke("M0,-78v16M0,-62Q-26,-40 -46,-58M0,-62Q26,-40 46,-58", mark, 5)


def heron(cutter: Cutter) -> None:
    """A heron that stands still and looks to the left."""
    inks = cutter.inks
    cutter.stroke("M62,160L48,300L58,436M58,436l-46,6M58,436l40,6", inks.dark, 9)
    cutter.stroke("M112,170L124,302L110,440M110,440l-46,6M110,440l40,6", inks.dark, 9)
    neck = (
        "M-58,70C-128,-22 -150,-86 -84,-150C-26,-204 -6,-238 -34,-288C-46,-310 -76,-326 -104,-318"
        "C-80,-296 -66,-272 -74,-246"
        "C-84,-214 -160,-176 -176,-112C-194,-36 -140,40 -70,128Z"
    )
    cutter.part(neck, inks.light if cutter.manner == "print" else inks.body, (-180, -320, 0, 130), 0.7)
    cutter.stroke("M-118,-60C-112,-12 -92,30 -62,66M-136,-70C-132,-20 -112,32 -84,74", inks.second, 4)
    body = "M-86,56C-62,-40 66,-74 164,6C232,62 282,156 330,262C262,226 214,214 150,214C60,214 -110,190 -86,56Z"
    cutter.part(body, inks.body, (-90, -50, 320, 250))
    wing = "M-6,40C56,-26 150,6 206,66C256,120 292,186 318,250C232,196 164,186 98,166C34,146 -20,100 -6,40Z"
    cutter.part(wing, inks.second, (-10, 0, 318, 250))
    for feather in range(5):
        start = (60 + feather * 34, 74 + feather * 17)
        cutter.stroke(
            smooth(
                [start, (start[0] + 56, start[1] + 40), (start[0] + 104 - feather * 4, start[1] + 92 - feather * 4)]
            ),
            cutter.on(inks.second),
            4,
        )
    head = "M-126,-300C-112,-344 -44,-350 -26,-306C-16,-276 -40,-252 -74,-256C-104,-260 -124,-276 -126,-300Z"
    cutter.part(head, inks.light if cutter.manner == "print" else inks.body, (-130, -345, -20, -255), 0.4)
    cutter.part(polygon([(-116, -312), (-308, -262), (-112, -276)]), inks.accent, (-308, -312, -110, -262), 0.6)
    cutter.flat(
        "M-98,-324C-70,-346 -36,-334 -26,-306C20,-300 62,-276 96,-232C44,-268 2,-282 -40,-296"
        "C-64,-304 -84,-312 -98,-324Z",
        inks.dark,
    )
    cutter.flat(circle(-84, -300, 9), inks.dark)


def bird(cutter: Cutter) -> None:
    """A songbird on a twig."""
    inks = cutter.inks
    cutter.stroke("M-420,250C-200,214 140,262 430,206M180,238C240,190 280,176 330,120", inks.dark, 16)
    for x, y, turn in ((330, 120, -0.9), (-300, 238, -2.3), (-220, 232, 0.9), (300, 226, 0.6)):
        cutter.part(leaf(x, y, 110, 34, turn), inks.second, (x - 60, y - 60, x + 60, y + 60))
    cutter.part(polygon([(150, 60), (384, 232), (330, 268), (96, 150)]), inks.second, (96, 60, 384, 268))
    cutter.stroke("M-24,180v52M34,176v58", inks.dark, 9)
    body = (
        "M-236,-110C-226,-240 -60,-282 20,-190C90,-108 208,-20 214,60C218,150 100,198 0,190C-120,180 -246,40 -236,-110Z"
    )
    cutter.part(body, inks.body, (-240, -250, 214, 190))
    cutter.part("M-214,-40C-120,-40 20,60 30,188C-90,190 -210,90 -214,-40Z", inks.light, (-214, -40, 30, 190), 0.5)
    cutter.part("M-40,-96C70,-96 196,-10 250,110C120,120 -30,60 -40,-96Z", inks.second, (-40, -96, 250, 120))
    for row in range(4):
        cutter.stroke(
            f"M{0 + row * 34},{-50 + row * 16}Q{70 + row * 30},{-20 + row * 20} {100 + row * 32},{60 + row * 14}",
            cutter.on(inks.second),
            4,
        )
    cutter.part(polygon([(-228, -152), (-330, -106), (-222, -98)]), inks.accent, (-330, -152, -220, -98), 0.5)
    cutter.flat(circle(-136, -152, 32), inks.light)
    cutter.flat(circle(-140, -152, 17), inks.dark)


def owl(cutter: Cutter) -> None:
    """An owl, face on, on a branch."""
    inks = cutter.inks
    body = (
        "M-210,-330C-150,-300 -80,-296 0,-296C80,-296 150,-300 210,-330C240,-180 262,40 190,220"
        "C140,330 60,372 0,372C-60,372 -140,330 -190,220C-262,40 -240,-180 -210,-330Z"
    )
    cutter.part(body, inks.body, (-240, -330, 240, 372))
    for side in (-1, 1):
        wing = (
            f"M{side * 222},-120C{side * 290},40 {side * 250},250 {side * 130},330C{side * 120},180 "
            f"{side * 130},20 {side * 222},-120Z"
        )
        cutter.part(wing, inks.second, (min(side * 120, side * 280), -120, max(side * 120, side * 280), 330))
    mark = cutter.on(inks.body)
    for row in range(5):
        count = 4 - (row % 2)
        for index in range(count):
            x = (index - (count - 1) / 2) * 56
            cutter.stroke(f"M{x - 22:.0f},{20 + row * 56}q22,44 44,0", mark, 6)
    for side in (-1, 1):
        cutter.part(circle(side * 98, -150, 104), inks.light, (side * 98 - 104, -254, side * 98 + 104, -46), 0.35)
        cutter.flat(circle(side * 98, -150, 64), inks.accent)
        cutter.flat(circle(side * 98, -150, 32), inks.dark)
        cutter.flat(circle(side * 98 + 11, -163, 10), inks.light)
        cutter.stroke(f"M{side * 30},372v34M{side * 54},366v40M{side * 78},358v46", inks.accent, 13)
    cutter.flat(polygon([(-28, -112), (28, -112), (0, -46)]), inks.accent)
    cutter.stroke("M-430,420C-200,380 200,400 430,366", inks.dark, 34)


def fish(cutter: Cutter) -> None:
    """One large fish among bubbles."""
    inks = cutter.inks
    cutter.part(
        "M212,0C290,-60 340,-150 420,-170C390,-60 390,60 420,170C340,150 290,60 212,0Z",
        inks.second,
        (212, -170, 420, 170),
    )
    cutter.part("M-90,-150C0,-290 140,-260 190,-120Z", inks.second, (-90, -270, 190, -120))
    cutter.part("M-60,150C0,250 80,240 120,120Z", inks.second, (-60, 120, 120, 240))
    body = "M-400,10C-300,-150 -60,-230 120,-130C190,-90 230,-40 250,0C230,40 190,90 120,130C-60,230 -300,160 -400,10Z"
    cutter.part(body, inks.body, (-400, -180, 250, 180))
    mark = cutter.on(inks.body)
    with cutter.sheet.clipped(body):
        cutter.part(
            "M-400,10C-320,-110 -260,-150 -190,-176C-150,-60 -150,80 -190,180C-280,150 -340,90 -400,10Z",
            inks.light,
            (-400, -170, -150, 180),
            0.5,
        )
        for column in range(6):
            for row in range(-3, 4):
                x, y = -90 + column * 58, row * 52 + (26 if column % 2 else 0)
                cutter.stroke(f"M{x},{y - 25}q38,25 0,50", mark, 4.6)
    cutter.flat(circle(-280, -30, 36), inks.accent)
    cutter.flat(circle(-280, -30, 17), inks.dark)
    cutter.part(leaf(-120, 40, 150, 46, 0.5), inks.accent, (-120, 20, 30, 130))
    for x, y, size in ((-330, -260, 26), (-262, -330, 16), (-372, -344, 12), (330, -280, 20), (272, 270, 14)):
        cutter.stroke(circle(x, y, size), inks.accent, 5)


def whale(cutter: Cutter) -> None:
    """A whale that comes up to breathe."""
    inks = cutter.inks
    body = (
        "M-400,20C-390,-150 -190,-220 20,-190C190,-166 250,-60 340,-90C350,-150 330,-200 290,-250"
        "C350,-250 380,-220 392,-180C410,-220 440,-236 470,-240C460,-170 440,-120 420,-70C400,60 "
        "280,200 40,220C-200,238 -400,180 -400,20Z"
    )
    cutter.part(body, inks.body, (-400, -250, 460, 230))
    belly = "M-398,40C-280,90 -60,110 120,60C100,150 60,200 20,221C-200,238 -390,170 -398,40Z"
    cutter.part(belly, inks.light, (-400, 40, 120, 230), 0.5)
    with cutter.sheet.clipped(belly):
        for row in range(6):
            cutter.stroke(f"M-420,{66 + row * 28}Q-140,{130 + row * 28} 130,{66 + row * 26}", inks.body, 4.6)
    cutter.part("M-120,110C-60,150 -20,260 -80,330C-140,290 -190,190 -190,120Z", inks.second, (-190, 110, -40, 330))
    cutter.flat(circle(-282, -20, 15), cutter.on(inks.body))
    for x in (-1, 1):
        cutter.stroke(f"M-150,-214C-150,-300 {-150 + x * 30},-350 {-150 + x * 110},-340", inks.accent, 9)
        cutter.stroke(f"M-150,-214C-150,-290 {-150 + x * 20},-318 {-150 + x * 70},-300", inks.accent, 6)
    cutter.stroke("M-150,-214V-372", inks.accent, 7)


def fox(cutter: Cutter) -> None:
    """A fox that sits with its tail about it."""
    inks = cutter.inks
    cutter.part(
        "M60,400C300,440 420,300 372,110C350,20 300,-20 292,-60C250,20 180,80 190,190C196,270 130,320 60,330Z",
        inks.body,
        (60, -60, 400, 430),
    )
    cutter.part(
        "M292,-60C318,10 354,30 372,110C330,90 250,90 214,76C246,40 276,-10 292,-60Z",
        inks.light,
        (200, -60, 372, 110),
        0.4,
    )
    cutter.part("M-130,420C-200,280 -150,60 -90,-20H90C150,60 210,280 130,420Z", inks.body, (-200, -20, 200, 420))
    cutter.part("M0,0C80,20 90,150 0,260C-90,150 -80,20 0,0Z", inks.light, (-90, 0, 90, 260), 0.4)
    for side in (-1, 1):
        cutter.part(ellipse(side * 62, 402, 58, 28), inks.dark, (side * 62 - 58, 374, side * 62 + 58, 430), 0.3)
        cutter.part(
            polygon([(side * 62, -250), (side * 190, -398), (side * 210, -180)]), inks.body, (-210, -398, 210, -180)
        )
        cutter.flat(polygon([(side * 112, -262), (side * 178, -340), (side * 186, -222)]), inks.dark)
    cutter.part(
        "M-214,-200C-120,-276 120,-276 214,-200C180,-90 80,-20 0,24C-80,-20 -180,-90 -214,-200Z",
        inks.body,
        (-214, -270, 214, 24),
    )
    for side in (-1, 1):
        cutter.part(
            f"M{side * 214},-200C{side * 120},-180 {side * 44},-110 0,24C{side * 80},-20 "
            f"{side * 180},-90 {side * 214},-200Z",
            inks.light,
            (-214, -200, 214, 24),
            0.35,
        )
        cutter.flat(leaf(side * 50, -118, 76, 26, -0.35 if side > 0 else math.pi + 0.35, 0.5), inks.dark)
        cutter.flat(circle(side * 86, -134, 6), inks.light)
    cutter.flat(ellipse(0, 8, 30, 22), inks.dark)


def butterfly(cutter: Cutter) -> None:
    """A butterfly, pinned flat."""
    inks = cutter.inks
    for side in (-1, 1):
        upper = f"M0,-40C{side * 60},-260 {side * 300},-380 {side * 396},-290C{side * 440},-200 {side * 330},-20 0,10Z"
        lower = f"M0,0C{side * 200},0 {side * 320},90 {side * 290},210C{side * 250},330 {side * 60},280 0,60Z"
        cutter.part(lower, inks.second, (min(0, side * 300), 0, max(0, side * 300), 300))
        cutter.part(upper, inks.body, (min(0, side * 400), -380, max(0, side * 400), 10))
        for share, colour in ((0.62, inks.light), (0.36, inks.accent)):
            cutter.part(
                drop(side * 60, -60, 92 * share, 320 * share + 60, -math.pi / 4 if side > 0 else -3 * math.pi / 4),
                colour,
                (-300, -300, 300, 0),
                0.5,
            )
        cutter.part(circle(side * 180, 170, 62), inks.accent, (side * 180 - 62, 108, side * 180 + 62, 232))
        cutter.flat(circle(side * 180, 170, 26), inks.dark)
        for dot in range(6):
            turn = -1.25 + dot * 0.2
            cutter.flat(
                circle(side * (60 + 352 * math.cos(turn * 0.8)), -36 + 352 * math.sin(turn * 0.8) * 0.94, 11),
                inks.light,
            )
        cutter.stroke(f"M{side * 8},-150C{side * 30},-260 {side * 80},-300 {side * 120},-310", inks.dark, 6)
        cutter.flat(circle(side * 122, -312, 11), inks.dark)
    cutter.part(ellipse(0, 40, 26, 190), inks.dark, (-26, -150, 26, 230), 0.5)
    cutter.part(circle(0, -146, 34), inks.dark, (-34, -180, 34, -112), 0.4)


def skull(cutter: Cutter) -> None:
    """A skull, plain and round."""
    inks = cutter.inks
    jaw = "M-150,120C-150,240 -120,330 -70,356H70C120,330 150,240 150,120Z"
    cutter.part(jaw, inks.light, (-150, 120, 150, 356), 0.6)
    dome = (
        "M0,-360C190,-360 290,-230 290,-80C290,20 250,70 220,110C210,170 180,200 120,200H-120"
        "C-180,200 -210,170 -220,110C-250,70 -290,20 -290,-80C-290,-230 -190,-360 0,-360Z"
    )
    cutter.part(dome, inks.light, (-290, -360, 290, 200), 0.75)
    for side in (-1, 1):
        cutter.part(
            f"M{side * 60},-40C{side * 80},-110 {side * 210},-110 {side * 214},-20C{side * 210},70 "
            f"{side * 70},70 {side * 60},-40Z",
            inks.dark,
            (-214, -110, 214, 70),
            0.3,
        )
        cutter.flat(drop(side * 136, 20, 16, 56, -math.pi / 2), inks.accent)
    cutter.flat("M0,40C34,80 46,110 30,126C14,136 6,118 0,110C-6,118 -14,136 -30,126C-46,110 -34,80 0,40Z", inks.dark)
    for tooth in range(-3, 4):
        cutter.stroke(f"M{tooth * 36},206V{300 - abs(tooth) * 8}", inks.dark, 8)
    cutter.stroke("M-130,240Q0,280 130,240", inks.dark, 8)
    for index in range(8):
        turn = index * math.pi / 4
        cutter.flat(drop(0, -224, 17, 62, turn), inks.accent if index % 2 else inks.second)
    cutter.flat(circle(0, -224, 20), inks.dark)
    cutter.flat(sector(0, -224, 9, 0, math.pi), inks.light)
