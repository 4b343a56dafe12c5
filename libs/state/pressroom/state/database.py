"""The connection to MongoDB and the collections in it.

Writes are acknowledged by a majority and journalled: what was answered survives the server's death.
"""

from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import ASCENDING, DESCENDING, IndexModel, WriteConcern
from pymongo.errors import PyMongoError

from . import api_keys, budgets, machines, named, posts, tries, users
from .api_keys import ApiKeys
from .batches import Batches
from .budgets import Budgets
from .collection import Collection
from .documents import (
    BatchDocument,
    LaneDocument,
    NoticeDocument,
    ProviderJobDocument,
    PublicationDocument,
    WebhookDocument,
)
from .gates import Gates
from .images import FILES, Images
from .ledger import Ledger
from .named import Named
from .posts import PostDocument, Posts
from .provider_jobs import ProviderJobs
from .publications import Publications
from .reachability import Reachability
from .subjects import SUBJECT_INDEXES, RecipeDocument, SubjectDocument, Subjects
from .transactions import Transactions
from .tries import Tries
from .uploads import Uploads
from .users import Users

SERVER_SELECTION_MS = 5000

DatabaseError = PyMongoError
"""What any call may raise when the server is away; the work is tried again."""


class Database:
    """All collections of one deployment."""

    def __init__(self, url: str, name: str) -> None:
        there = Reachability()
        self._client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
            url,
            tz_aware=True,
            serverSelectionTimeoutMS=SERVER_SELECTION_MS,
            appname="pressroom",
            event_listeners=[there],
        )
        database = self._client.get_database(name, write_concern=WriteConcern(w="majority", j=True))
        self.transactions = transactions = Transactions(self._client)
        self.batches = Batches(database["batches"], BatchDocument, machines.BATCH, there)
        self.budgets = Budgets(database)
        self.images = Images(database["images"], machines.IMAGE, there, self.budgets, transactions)
        self.publications = Publications(database["publications"], PublicationDocument, machines.PUBLICATION, there)
        self.provider_jobs = ProviderJobs(database["provider_jobs"], ProviderJobDocument, machines.PROVIDER_JOB, there)
        self.notices = Collection(database["notices"], NoticeDocument, machines.NOTICE, there)
        # What was told is stored once and never changes.
        self.webhooks = Collection(database["webhooks"], WebhookDocument, {}, there)
        self.lanes = Collection(database["lanes"], LaneDocument, machines.LANE, there)
        self.posts = Posts(database["posts"], PostDocument, machines.POST, there)
        self.subjects = Subjects(database["subjects"], SubjectDocument)
        self.recipes = Named(database["recipes"], RecipeDocument)
        self.uploads = Uploads(database["uploads"])
        self.gates = Gates(database["gates"])
        self.users = Users(database["users"])
        self.api_keys = ApiKeys(database["api_keys"])
        self.tries = Tries(database["tries"])
        self.ledger = Ledger(transactions, database, self.batches)

    @property
    def collections(self) -> tuple[Collection[Any], ...]:
        """Every collection whose documents carry an outbox."""
        return (
            self.batches,
            self.images,
            self.publications,
            self.provider_jobs,
            self.notices,
            self.webhooks,
            self.lanes,
            self.posts,
        )

    async def ping(self) -> None:
        """Raises `DatabaseError` when the server does not answer."""
        await self._client.admin.command("ping")

    async def make_indexes(self) -> None:
        """Idempotent; part of provisioning."""
        outbox = IndexModel([("outbox.at", ASCENDING)], name="outbox", sparse=True)
        await self.batches.raw.create_indexes(
            [
                outbox,
                IndexModel([("owner", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)], name="by_owner"),
                IndexModel([("state", ASCENDING), ("starts_at", ASCENDING)], name="scheduled"),
                IndexModel([("state", ASCENDING), ("request.mode", ASCENDING), ("swept_at", ASCENDING)], name="sweep"),
                IndexModel(
                    [("owner", ASCENDING), ("idempotency_key", ASCENDING)],
                    name="idempotency",
                    unique=True,
                    partialFilterExpression={"idempotency_key": {"$type": "string"}},
                ),
                IndexModel(
                    [("owner", ASCENDING), ("turn", DESCENDING)],
                    name="turns",
                    unique=True,
                    partialFilterExpression={"turn": {"$type": "number"}},
                ),
            ]
        )
        await self.images.raw.create_indexes(
            [
                outbox,
                IndexModel([("batch_id", ASCENDING), ("index", ASCENDING)], name="by_batch", unique=True),
                IndexModel([("batch_id", ASCENDING), ("state", ASCENDING)], name="by_batch_and_state"),
                IndexModel([("owner", ASCENDING), ("hash_bands", ASCENDING)], name="alike"),
                IndexModel([("owner", ASCENDING), ("created_at", DESCENDING)], name="by_owner"),
                IndexModel(
                    [("owner", ASCENDING), ("subject", ASCENDING), ("created_at", DESCENDING)], name="by_subject"
                ),
                IndexModel([("remote.key", ASCENDING)], name="remote_key", sparse=True),
                # Who has a file, and whose are to go.
                *(IndexModel([(f"{kind}.key", ASCENDING)], name=f"{kind}_key", sparse=True) for kind in FILES),
                IndexModel(
                    [("input_images", ASCENDING)],
                    name="input_images",
                    partialFilterExpression={"input_images": {"$type": "string"}},
                ),
                IndexModel([("removal.due_at", ASCENDING)], name="removal", sparse=True),
                # What was spent in a month, of everybody's.
                IndexModel(
                    [("tries.began_at", ASCENDING)],
                    name="paid",
                    partialFilterExpression={"tries.cost_microusd": {"$gt": 0}},
                ),
                IndexModel(
                    [("owner", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)],
                    name="favourites",
                    partialFilterExpression={"favourite": True},
                ),
                IndexModel(
                    [("owner", ASCENDING), ("tags", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)],
                    name="by_tag",
                    partialFilterExpression={"tags": {"$type": "string"}},
                ),
            ]
        )
        await self.publications.raw.create_indexes(
            [
                outbox,
                IndexModel([("image_id", ASCENDING)], name="by_image"),
                IndexModel([("external_id", ASCENDING)], name="by_external_id"),
                IndexModel([("owner", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)], name="by_owner"),
                IndexModel([("state", ASCENDING), ("updated_at", ASCENDING)], name="by_state"),
            ]
        )
        await self.provider_jobs.raw.create_indexes(
            [
                outbox,
                IndexModel([("state", ASCENDING), ("next_poll_at", ASCENDING)], name="due"),
                IndexModel([("batch_id", ASCENDING)], name="by_batch"),
                IndexModel([("owner", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)], name="by_owner"),
                IndexModel(
                    [("delete_at", ASCENDING)],
                    name="to_delete",
                    partialFilterExpression={"delete_at": {"$type": "date"}},
                ),
            ]
        )
        await self.notices.raw.create_indexes(
            [
                outbox,
                IndexModel([("batch_id", ASCENDING)], name="by_batch"),
                IndexModel([("state", ASCENDING), ("due_at", ASCENDING)], name="due"),
            ]
        )
        await self.webhooks.raw.create_indexes(
            [outbox, IndexModel([("platform", ASCENDING), ("digest", ASCENDING)], name="told_once", unique=True)]
        )
        await self.lanes.raw.create_indexes([outbox])
        await self.posts.raw.create_indexes(posts.INDEXES)
        await self.subjects.raw.create_indexes(SUBJECT_INDEXES)
        await self.recipes.raw.create_indexes(named.INDEXES)
        await self.users.raw.create_indexes(users.INDEXES)
        await self.api_keys.raw.create_indexes(api_keys.INDEXES)
        await self.tries.raw.create_indexes(tries.INDEXES)
        await self.budgets.raw.create_indexes(budgets.INDEXES)
        await self.ledger.make_indexes()

    def close(self) -> None:
        self._client.close()
