"""Asks for one picture with a client that was generated from the API's document, and downloads it.

Nothing of Pressroom is imported: the client is all there is. Run twice it asks for one batch, because of the key.
"""
# ruff: noqa: T201 - a program for a terminal

import os
import sys
import time
from pathlib import Path

from pressroom_client import AuthenticatedClient
from pressroom_client.api.batches import create_batch, get_batch, list_batch_images
from pressroom_client.api.images import get_content
from pressroom_client.models import Batch, BatchState, CreateBatch, PageImage, ProviderName
from pressroom_client.types import File

OVER = (BatchState.COMPLETED, BatchState.REJECTED, BatchState.CANCELLED)


def main(path: Path) -> None:
    url, token = os.environ["PRESSROOM_URL"], os.environ["PRESSROOM_API_TOKEN"]
    with AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True) as client:
        wish = CreateBatch(
            provider=ProviderName.STUDIO, prompt="a fox on a hill", width=256, height=320, profile="none"
        )
        batch = create_batch.sync(client=client, body=wish, idempotency_key="a-fox-on-a-hill")
        while isinstance(batch, Batch) and batch.state not in OVER:
            time.sleep(0.1)
            batch = get_batch.sync(batch.id, client=client)
        if not isinstance(batch, Batch):
            sys.exit(f"The batch was refused: {batch}")
        images = list_batch_images.sync(batch.id, client=client)
        assert isinstance(images, PageImage), images
        picture = get_content.sync(images.items[0].id, client=client)
        assert isinstance(picture, File), picture
        path.write_bytes(picture.payload.read())
        print(images.items[0].id)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
