"""What a query costs, close to Shopify's rules ("Calculated query cost"): a scalar nothing, an object one point, a
connection two and its nodes as often as `first` or `last` says, a mutation ten. The actual cost counts what came
back."""

from __future__ import annotations

from typing import cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

from pressroom.sandbox.core.wire import Json, JsonObject

MUTATION_COST = 10
CONNECTION_COST = 2
DEAREST_QUERY = 1000
"""Shopify, "API limits": no single query may cost more."""

Parent = GraphQLObjectType | GraphQLInterfaceType


class Cost:
    """The requested cost of one operation of a checked document."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: JsonObject) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }

    def requested(self, operation: OperationDefinitionNode) -> int:
        root = self._schema.get_root_type(operation.operation)
        base = 0
        if operation.operation is OperationType.MUTATION:
            base = MUTATION_COST * len(operation.selection_set.selections)
        return base + (self._selection(operation.selection_set, root, 1) if root is not None else 0)

    def _selection(self, selection: SelectionSetNode, parent: object, sized: int) -> int:
        total = 0
        for node in selection.selections:
            if isinstance(node, FieldNode):
                total += self._field(node, parent, sized)
            elif isinstance(node, InlineFragmentNode):
                kind = self._schema.get_type(node.type_condition.name.value) if node.type_condition else parent
                total += self._selection(node.selection_set, kind, sized)
            elif isinstance(node, FragmentSpreadNode) and node.name.value in self._fragments:
                fragment = self._fragments[node.name.value]
                kind = self._schema.get_type(fragment.type_condition.name.value)
                total += self._selection(fragment.selection_set, kind, sized)
        return total

    def _field(self, node: FieldNode, parent: object, sized: int) -> int:
        """`sized` is how many nodes the connection around this field was asked for."""
        if not isinstance(parent, Parent) or node.selection_set is None or node.name.value not in parent.fields:
            return 0
        # graphql-core types an output type's fields by a parameter that nobody gives.
        kind = cast(GraphQLNamedType, get_named_type(parent.fields[node.name.value].type))
        if kind.name.endswith("Connection"):
            return CONNECTION_COST + self._selection(node.selection_set, kind, self._size(node))
        if parent.name.endswith("Connection"):
            within = self._selection(node.selection_set, kind, 1)
            if node.name.value == "nodes":
                return sized * (1 + within)
            return sized * within if node.name.value == "edges" else 0
        return 1 + self._selection(node.selection_set, kind, 1)

    def _size(self, node: FieldNode) -> int:
        for argument in node.arguments or ():
            if argument.name.value in ("first", "last"):
                if isinstance(argument.value, IntValueNode):
                    return int(argument.value.value)
                if isinstance(argument.value, VariableNode):
                    value = self._variables.get(argument.value.name.value)
                    return value if isinstance(value, int) else 1
        return 1


def actual_cost(data: Json, *, mutation: bool) -> int:
    """One point for every object that came back."""
    return (MUTATION_COST if mutation else 0) + max(_objects(data) - 1, 0)


def _objects(value: Json) -> int:
    if isinstance(value, dict):
        return 1 + sum(_objects(one) for one in value.values())
    if isinstance(value, list):
        return sum(_objects(one) for one in value)
    return 0
