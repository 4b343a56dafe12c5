"""`./run bench finishing`: one print file of 24 megapixels, beside Pillow's defaults.

Each side runs in a process of its own, in turns, so that its peak memory is its own: all that the process ever held,
with the interpreter and the libraries. The picture is a studio print with an oval cut out of it. Pillow enlarges with
Lanczos, libvips bicubically; most of Pillow's time is its PNG encoder's. A busy machine slows ours down more, which
scales on all cores.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from .table import Table

ROUNDS = 3
GOAL_RATIO, GOAL_MB = 4.0, 100.0

PICTURE = """
import pyvips, sys
from pressroom.image_worker import studio
drawn = studio.draw("botanical print", seed=6, width_px=1024, height_px=1280)
picture = pyvips.Image.new_from_buffer(drawn, "").copy_memory()
grid = pyvips.Image.xyz(1024, 1280)
distance = ((grid[0] - 512) / 480) ** 2 + ((grid[1] - 640) / 600) ** 2
alpha = ((1 - distance) * 12800 + 128).cast("uchar")
picture.bandjoin(alpha).copy(interpretation="srgb").pngsave(sys.argv[1])
"""

FRAME = """
import sys, time
data = open(sys.argv[1], "rb").read()
{imports}
began = time.perf_counter()
{work}
seconds = time.perf_counter() - began
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print('{{"seconds": %f, "peak_mb": %f, "file_mb": %f}}' % (
    seconds, int(status["VmHWM"].split()[0]) / 1024, len(file) / 1e6))
"""

SIDES = {
    "pillow": (
        "import io\nfrom PIL import Image",
        """image = Image.open(io.BytesIO(data)).resize((4500, 5400), Image.Resampling.LANCZOS)
buffer = io.BytesIO()
image.save(buffer, "PNG", dpi=(300, 300))
file = buffer.getvalue()""",
    ),
    "file": (
        """from pressroom.contracts.finishing import BUILT_IN_PROFILES
from pressroom.imaging.encoding import print_file
from pressroom.imaging.layout import laid_out, prepared
from pressroom.imaging.placement import placed""",
        """shape = BUILT_IN_PROFILES["t-shirt"]
picture = prepared(data, shape)
placement = placed((picture.width, picture.height), (shape.width_px, shape.height_px), shape.fit)
file = print_file(laid_out(picture, placement, shape), xmp=None)""",
    ),
    "finished": (
        """from pressroom.contracts.finishing import BUILT_IN_PROFILES
from pressroom.imaging.finishing import finish""",
        'file = finish(data, BUILT_IN_PROFILES["t-shirt"], width_px=1024, height_px=1280).file.data',
    ),
    "empty": ("import pressroom.imaging.finishing", 'file = b""'),
}


async def measure() -> Table:
    return await asyncio.to_thread(_measure)


def _measure() -> Table:
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        subprocess.run([sys.executable, "-c", PICTURE, str(picture)], check=True)
        found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
        for _ in range(ROUNDS):
            for side in SIDES:
                found[side].append(_run(side, picture))
    seconds, peak, size = (
        {side: statistics.median(run[name] for run in runs) for side, runs in found.items()}
        for name in ("seconds", "peak_mb", "file_mb")
    )
    ratio = seconds["pillow"] / seconds["file"]
    names = {
        "file": "ours, the print file",
        "finished": "ours, with thumbnail, checks and hash",
        "pillow": "Pillow, LANCZOS and PNG defaults",
    }
    return Table(
        title=f"finishing: 1024x1280 RGBA to 4500x5400 at 300 DPI, {ROUNDS} processes each, medians",
        columns=("", "seconds", "peak MB", "file MB"),
        rows=[(name, f"{seconds[side]:.2f}", f"{peak[side]:.0f}", f"{size[side]:.1f}") for side, name in names.items()],
        note=f"{ratio:.1f} times as fast as Pillow (goal {GOAL_RATIO:.0f}), {peak['file']:.0f} MB at its peak (goal "
        f"under {GOAL_MB:.0f}); ours holds {peak['empty']:.0f} MB before it has done anything",
        metrics={
            "ratio_to_pillow": round(ratio, 2),
            "seconds": round(seconds["file"], 3),
            "peak_mb": round(peak["file"], 1),
            "file_mb": round(size["file"], 2),
            "seconds_with_checks": round(seconds["finished"], 3),
            "peak_mb_with_checks": round(peak["finished"], 1),
            "pillow_seconds": round(seconds["pillow"], 3),
            "pillow_peak_mb": round(peak["pillow"], 1),
            "pillow_file_mb": round(size["pillow"], 2),
        },
    )


def _run(side: str, picture: Path) -> dict[str, float]:
    imports, work = SIDES[side]
    program = FRAME.format(imports=imports, work=work)
    done = subprocess.run([sys.executable, "-c", program, str(picture)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)
