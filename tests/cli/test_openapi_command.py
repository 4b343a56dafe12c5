"""`pressroom openapi`: the API's document without an instance, a server or a setting."""

import json

import yaml

from pressroom.gateway.api import openapi_document

from .conftest import pressroom


def test_the_document_is_printed_as_yaml_and_as_json_and_nothing_need_run() -> None:
    nowhere = {"PRESSROOM_NATS_URL": "nats://127.0.0.1:9", "PRESSROOM_MONGO_URL": "mongodb://127.0.0.1:9"}
    told = [pressroom("openapi", *words, environment=nowhere) for words in ((), ("--json",))]
    assert [one.returncode for one in told] == [0, 0], told[0].stderr + told[1].stderr
    assert yaml.safe_load(told[0].stdout) == json.loads(told[1].stdout) == openapi_document()


def test_every_operation_has_a_name_of_its_own_that_a_client_can_call_it_by() -> None:
    names = [one["operationId"] for path in openapi_document()["paths"].values() for one in path.values()]
    assert all(name.isidentifier() for name in names)
    assert len(set(names)) == len(names)
