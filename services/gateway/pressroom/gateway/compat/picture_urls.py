"""Where anybody who knows it finds a picture, as the older interfaces tell it: its name is the hash of its content."""

from fastapi import Request

from pressroom.state.documents import ImageDocument

from ..house import House


def picture_url(house: House, request: Request, image: ImageDocument) -> str:
    """The address of a picture that is ready."""
    base = str(house.core_settings.public_url or request.base_url).rstrip("/")
    assert image.file is not None, "an image that is ready has its file"
    return f"{base}/files/{image.file.key}"
