"""The GraphQL endpoint: one POST, checked against the real schema, paid from the leaky bucket, executed. Every answer
has HTTP 200, as Shopify's have, but for a bad token and a body that is no request; every answer says how full the
bucket is."""

from __future__ import annotations

import threading
import time

from graphql import (
    DocumentNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    execute_sync,  # pyright: ignore[reportUnknownVariableType] its executor_class is untyped
    get_operation_ast,
)
from starlette.requests import Request
from starlette.responses import Response

from pressroom.sandbox.core.faults import Fault
from pressroom.sandbox.core.limits import LeakyBucket
from pressroom.sandbox.core.settings import Settings
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import Json, JsonObject, as_object, as_text, json_list, json_response
from pressroom.sandbox.shopify import supported
from pressroom.sandbox.shopify.admin_schema import AdminSchema
from pressroom.sandbox.shopify.cost import DEAREST_QUERY, Cost, actual_cost
from pressroom.sandbox.shopify.resolving import Call, SupportedFieldsRule, resolve_field, resolve_type


class Endpoint:
    """Executes GraphQL requests; called from threads, one mutation at a time."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        if not supported.MODULES:
            raise RuntimeError("no module of the sandbox answers for the Admin schema")
        self._schema = AdminSchema([SupportedFieldsRule])
        self._bucket = LeakyBucket(settings.shopify_bucket, settings.shopify_restore_per_second)
        self._executing = threading.RLock()

    def warm_up(self) -> None:
        """Parses the schema before the first request needs it."""
        self._schema.schema()

    def answer(self, body: JsonObject, request: Request) -> Response:
        """The reply to one request body `{query, variables, operationName}`."""
        query = body.get("query")
        if not isinstance(query, str) or not query.strip():
            return json_response({"errors": {"query": "Required parameter missing or invalid"}}, 400)
        variables = as_object(body.get("variables"))
        try:
            document, errors = self._schema.check(query)
        except GraphQLError as wrong:
            return self._refused([wrong], 0)
        operation = get_operation_ast(document, as_text(body.get("operationName")) or None)
        if operation is None and not errors:
            return self._refused([GraphQLError("An operation name is required: the document has several.")], 0)
        if errors or operation is None:
            return self._refused(errors, 0)
        request.state.note = _note(operation)
        requested = Cost(self._schema.schema(), document, variables).requested(operation)
        if requested > DEAREST_QUERY:
            message = f"Query cost is {requested}, which exceeds the single query max cost limit ({DEAREST_QUERY})."
            extensions: dict[str, object] = {
                "code": "MAX_COST_EXCEEDED",
                "cost": requested,
                "maxCost": DEAREST_QUERY,
                "documentation": "https://shopify.dev/api/usage/rate-limits",
            }
            return self._refused([GraphQLError(message, extensions=extensions)], requested)
        with self._executing:
            if not self._bucket.admits(requested):
                return self.throttled(requested)
            return self._execute(document, operation, variables, requested, request)

    def _execute(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: JsonObject,
        requested: int,
        request: Request,
    ) -> Response:
        fault = getattr(request.state, "fault", None)
        call = Call(
            store=self._store,
            settings=self._settings,
            base_url=str(request.base_url).rstrip("/"),
            now=time.time(),
            fault=fault if isinstance(fault, Fault) else None,
        )
        result = execute_sync(
            self._schema.schema(),
            document,
            context_value=call,
            variable_values=variables,
            operation_name=operation.name.value if operation.name else None,
            field_resolver=resolve_field,
            type_resolver=resolve_type,
        )
        data: Json = result.data
        made = actual_cost(data, mutation=operation.operation is OperationType.MUTATION)
        cost = min(made, requested)
        self._bucket.spend(cost)
        body: JsonObject = {}
        if result.data is not None or not result.errors:
            body["data"] = data
        if result.errors:
            body["errors"] = json_list(_error_body(error) for error in result.errors)
        body["extensions"] = {"cost": self._cost(requested, cost)}
        return json_response(body)

    def refill(self) -> None:
        """A full bucket, as after a quiet minute."""
        self._bucket.refill()

    def throttled(self, requested: int) -> Response:
        """The answer of an empty bucket, with HTTP 200."""
        return json_response(
            {
                "errors": [
                    {
                        "message": "Throttled",
                        "extensions": {
                            "code": "THROTTLED",
                            "documentation": "https://shopify.dev/api/usage/rate-limits",
                        },
                    }
                ],
                "extensions": {"cost": self._cost(requested, None)},
            }
        )

    def _refused(self, errors: list[GraphQLError], requested: int) -> Response:
        return json_response(
            {
                "errors": json_list(_error_body(error) for error in errors),
                "extensions": {"cost": self._cost(requested, None)},
            }
        )

    def _cost(self, requested: int, actual: int | None) -> JsonObject:
        return {
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": {
                "maximumAvailable": self._bucket.size,
                "currentlyAvailable": int(self._bucket.available()),
                "restoreRate": self._bucket.restored_per_second,
            },
        }


def _error_body(error: GraphQLError) -> JsonObject:
    body: JsonObject = {"message": error.message}
    if error.locations:
        body["locations"] = json_list({"line": at.line, "column": at.column} for at in error.locations)
    if error.path:
        body["path"] = json_list(error.path)
    extensions: dict[str, Json] = error.extensions or {}
    body["extensions"] = dict(extensions) if extensions else {"code": _code(error.message)}
    return body


def _code(message: str) -> str:
    """The API's code of what graphql-core refuses."""
    if message.startswith("Variable "):
        return "INVALID_VARIABLE"
    if message.startswith("Cannot query field"):
        return "undefinedField"
    if message.startswith("Unknown argument"):
        return "argumentNotAccepted"
    return "parseError" if message.startswith("Syntax Error") else "INVALID_DOCUMENT"


def _note(operation: OperationDefinitionNode) -> str:
    """For the request log: the kind and the root fields of the operation."""
    names = [getattr(node, "name", None) for node in operation.selection_set.selections]
    fields = ", ".join(name.value for name in names if name is not None)
    return f"{operation.operation.value} {fields}"
