"""What `tail` says of an event in one line."""

import pytest

from pressroom.cli.event_lines import detail, event_type, subject_of
from pressroom.contracts.events import PublicationRef, WebhookReceived
from pressroom.contracts.vocabulary import PlatformName

MUG = PublicationRef(batch_id="b", publication_id="b-0000-shopify-mug")
POSTER = PublicationRef(batch_id="b", publication_id="b-0001-shopify-poster")


@pytest.mark.parametrize(
    ("external_id", "publications", "line"),
    [
        ("820982911946154508", (MUG, POSTER), "orders/create b-0000-shopify-mug, b-0001-shopify-poster"),
        ("820982911946154508", (), "orders/create 820982911946154508"),
        (None, (), "orders/create"),
    ],
)
def test_what_a_shop_told_is_named_by_our_publications_or_else_by_its_own_id(
    external_id: str | None, publications: tuple[PublicationRef, ...], line: str
) -> None:
    event = WebhookReceived(
        webhook_id="webhook_1",
        platform=PlatformName.SHOPIFY,
        topic="orders/create",
        external_id=external_id,
        publications=publications,
    )
    assert (subject_of(event), detail(event)) == ("shopify", line)
    assert event_type("webhook.received") is WebhookReceived
