"""What the gateway is compared with: a FastAPI handler that reads a body, writes it to MongoDB and publishes it to
JetStream, each acknowledged as for the gateway. `python -m benchmarks.bare_handler PORT` serves it."""

import os
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
import uvicorn
from fastapi import FastAPI, Request
from motor.motor_asyncio import AsyncIOMotorClient
from pydantic import BaseModel
from pymongo import WriteConcern

from pressroom.contracts.subjects import EVENTS_STREAM

SUBJECT = "pressroom.event.bare.requested"


class Body(BaseModel):
    """The same fields that the bench sends to the gateway."""

    provider: str
    prompt: str
    count: int


@asynccontextmanager
async def _connected(app: FastAPI) -> AsyncIterator[None]:
    client = await nats.connect(os.environ["PRESSROOM_NATS_URL"])
    mongo: AsyncIOMotorClient[dict[str, object]] = AsyncIOMotorClient(os.environ["PRESSROOM_MONGO_URL"])
    durable = WriteConcern("majority", j=True)
    app.state.js = client.jetstream(timeout=5)
    app.state.batches = mongo["bare"].get_collection("batches", write_concern=durable)
    yield
    await client.close()
    mongo.close()


app = FastAPI(lifespan=_connected)


@app.get("/ready")
async def ready() -> dict[str, bool]:
    return {"ready": True}


@app.post("/batches", status_code=202)
async def create(body: Body, request: Request) -> dict[str, object]:
    """One write, one publish."""
    name = uuid.uuid4().hex
    await request.app.state.batches.insert_one({"_id": name, **body.model_dump()})
    await request.app.state.js.publish(f"{SUBJECT}.{name}", body.model_dump_json().encode(), stream=EVENTS_STREAM)
    return {"id": name, **body.model_dump()}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
