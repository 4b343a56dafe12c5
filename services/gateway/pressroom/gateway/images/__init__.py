"""`/v1/images`: what was made; looked at, edited, reviewed, published, deleted, made again."""

from . import content, deletion, edits, images, regeneration, reviewing

ROUTERS = (
    images.router,
    content.router,
    edits.router,
    deletion.router,
    regeneration.router,
    reviewing.router,
)
