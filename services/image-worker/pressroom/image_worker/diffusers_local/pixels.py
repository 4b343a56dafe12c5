"""Pixels between torch, numpy and libvips: reference pictures in, PNG out."""

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingTypeArgument=false

from typing import Any

import numpy as np
import pyvips
import torch
from numpy.typing import NDArray
from PIL import Image

from pressroom.runtime.errors import ApiFailed, InvalidRequest

Pixels = NDArray[np.uint8]
"""Height x width x bands, sRGB."""

PNG_COMPRESSION = 2
"""zlib level: 1 makes files a quarter larger, 3 to 9 take up to half as long again for 3 % (1024 x 1280, grainy)."""


def pixels_of(images: Any) -> Pixels:
    """The first of what a pipeline made: a tensor 0..1 (batch x bands x height x width), arrays or PIL pictures.

    Raises `ApiFailed` where a number is none: a model that overflows shows black otherwise."""
    image = images[0]
    if isinstance(image, torch.Tensor):
        image = image.detach()
        if not bool(torch.isfinite(image).all()):
            raise ApiFailed(
                "diffusers: the model computed values that are no numbers; set PRESSROOM_DIFFUSERS_DTYPE to bfloat16 "
                "or float32"
            )
        # On the device, so that a quarter of the bytes is copied from it.
        levels = image.mul(255).round_().clamp_(0, 255).to(torch.uint8)
        return levels.permute(1, 2, 0).contiguous().cpu().numpy()
    levels = np.asarray(image)
    if levels.dtype != np.uint8:
        levels = (levels * 255).round().clip(0, 255).astype(np.uint8)
    return levels


def png(pixels: Pixels) -> bytes:
    """The picture as a PNG file."""
    image = pyvips.Image.new_from_array(pixels).copy(interpretation="srgb")
    return bytes(image.pngsave_buffer(compression=PNG_COMPRESSION))


def reference_picture(data: bytes, width_px: int, height_px: int) -> Image.Image:
    """An encoded picture, turned upright, on white, filling width x height; what is too long is cut from both ends."""
    try:
        image = pyvips.Image.thumbnail_buffer(data, width_px, height=height_px, crop="centre", size="both")
        image = image.colourspace("srgb")
        if image.hasalpha():
            image = image.flatten(background=[255.0])
        return Image.fromarray(image.extract_band(0, n=3).numpy())
    except pyvips.Error as error:
        raise InvalidRequest("diffusers: a reference picture cannot be read; send PNG, JPEG or WebP") from error
