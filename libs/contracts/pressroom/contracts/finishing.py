"""What is made of a provider's pixels, and what is found out about them: profiles, checks, provenance."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from .facts import Fact

FILE_SIDE_MAX_PX = 20_000

ProfileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$")]
FileSide = Annotated[int, Field(ge=64, le=FILE_SIDE_MAX_PX)]


class Fit(StrEnum):
    """How a picture of another ratio comes to the profile's: what is over is cut off, or what is missing is added."""

    CROP = "crop"
    PAD = "pad"


class Profile(BaseModel):
    """A print file's size in pixels, and how a picture is brought to it. The file is an sRGB PNG at 300 DPI."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width_px: FileSide
    height_px: FileSide
    fit: Fit = Fit.CROP
    background: Annotated[str, Field(pattern=r"^(transparent|#[0-9a-fA-F]{6})$")] = Field(
        default="transparent", description="What is added around a padded picture."
    )


NO_PROFILE = "none"
"""The profile that keeps the size which was asked of the provider."""

BUILT_IN_PROFILES: dict[str, Profile] = {
    "t-shirt": Profile(width_px=4500, height_px=5400),  # 15 x 18 in
    "hoodie": Profile(width_px=4200, height_px=4800),  # 14 x 16 in, which leaves the pocket free
    "mug": Profile(width_px=2475, height_px=1155, fit=Fit.PAD),  # 8.25 x 3.85 in: all around an 11 oz mug
    "poster": Profile(width_px=5400, height_px=7200),  # 18 x 24 in
    "square": Profile(width_px=4500, height_px=4500),  # 15 x 15 in
}


class Verdict(StrEnum):
    """`warn`: a person should look. `fail`: it should not be printed as it is."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    FAIL = "fail"


class CheckName(StrEnum):
    RESOLUTION = "resolution"
    SHARPNESS = "sharpness"
    BLANKNESS = "blankness"
    TRANSPARENCY = "transparency"
    DUPLICATE = "duplicate"


class Check(Fact):
    """One thing that was looked at, what was found, and why that is good or bad, in the reviewer's words."""

    name: CheckName
    verdict: Verdict
    value: float = Field(description="What was measured; its unit is in the reason.")
    reason: str


class Credentials(StrEnum):
    """Content credentials (C2PA). `kept`: the file is the one that arrived, its credentials untouched. `source_only`:
    the provider's file, which is kept too, has them; the print file made of it does not. `signed`: signed here."""

    NONE = "none"
    KEPT = "kept"
    SOURCE_ONLY = "source_only"
    SIGNED = "signed"
