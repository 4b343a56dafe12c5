"""Each GraphQL document that we send is valid in the Admin schema that the settings name."""

import gzip
from importlib.resources import files

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from pressroom.publisher.settings import PublisherSettings
from pressroom.publisher.shopify_admin import CostBucket
from pressroom.publisher.shopify_documents import DOCUMENTS
from pressroom.publisher.shopify_wire import Cost, ThrottleStatus


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    version = PublisherSettings.model_fields["shopify_api_version"].default
    packed = files("pressroom.sandbox.shopify").joinpath("data", f"admin-{version}.graphql.gz").read_bytes()
    return build_schema(gzip.decompress(packed).decode(), assume_valid=True)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.split("(")[0].split()[-1])
def test_a_document_is_valid(schema: GraphQLSchema, document: str) -> None:
    assert validate(schema, parse(document)) == []


def test_an_invalid_document_would_be_noticed(schema: GraphQLSchema) -> None:
    assert validate(schema, parse("{ products(first: 1) { nodes { colour } } }")) != []


def heard(requested: float, available: float, restored_per_s: float) -> CostBucket:
    bucket = CostBucket()
    status = ThrottleStatus(maximumAvailable=2000, currentlyAvailable=available, restoreRate=restored_per_s)
    bucket.hear("document", Cost(requestedQueryCost=requested, throttleStatus=status))
    return bucket


def test_a_document_waits_until_its_cost_is_there() -> None:
    assert heard(600, 100, 50).wait_s("document") == pytest.approx(10, abs=0.5)


def test_a_document_that_can_be_paid_for_does_not_wait() -> None:
    assert heard(60, 100, 50).wait_s("document") == 0


def test_nothing_waits_before_the_first_reply() -> None:
    assert CostBucket().wait_s("document") == 0
