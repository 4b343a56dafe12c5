"""The one member replica set that the embedded MongoDB is: transactions' journal and majority writes need one.

Idempotent: a set that exists is left alone, one whose member has moved to another port is told its new address. A
process that dies in the middle leaves either no set or a whole one.
"""

from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

NAME = "pressroom"
_NOT_YET_INITIALIZED = 94  # MongoDB error codes: NotYetInitialized
_ANSWER_WITHIN_MS = 2000


def make_primary(port: int) -> bool:
    """Bring the set of the mongod on `port` towards a primary; True when it takes writes. Call again until it does."""
    address = f"127.0.0.1:{port}"
    client: MongoClient[dict[str, Any]] = MongoClient(
        address, directConnection=True, serverSelectionTimeoutMS=_ANSWER_WITHIN_MS
    )
    try:
        with client:
            if client.admin.command("hello").get("isWritablePrimary"):
                return True
            _configure(client, address)
    except PyMongoError:
        return False
    return False


def _configure(client: MongoClient[dict[str, Any]], address: str) -> None:
    member = {"_id": 0, "host": address}
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALIZED:
            raise
        client.admin.command("replSetInitiate", {"_id": NAME, "members": [member]})
        return
    if config["members"][0]["host"] != address:
        moved = {**config, "version": config["version"] + 1, "members": [{**config["members"][0], **member}]}
        client.admin.command("replSetReconfig", moved, force=True)
