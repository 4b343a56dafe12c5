"""A way to MongoDB that stops at a chosen write: whoever is killed there died right before it, at no other moment.

It stands between one process and the server and reads the wire protocol only as far as where a message ends (MongoDB
Manual, "Wire Protocol"). The driver writes what it means in plain BSON, so a write is known by the bytes in it.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_LENGTH = struct.Struct("<i")
"""A message begins with its own length, this field included."""

Words = tuple[bytes, ...]


def moves(collection: str, document_id: str, state: str) -> Words:
    """What is in the update that brings that document into `state`."""
    return (_text("findAndModify", collection), _text("_id", document_id), _text("state", state))


def moves_all(collection: str, batch_id: str, state: str) -> Words:
    """What is in the update that brings all of a batch's documents into `state`."""
    return (_text("update", collection), _text("batch_id", batch_id), _text("state", state))


def confirms(collection: str, document_id: str) -> Words:
    """What is in the update by which that document forgets messages that the stream has."""
    return (_text("update", collection), _text("_id", document_id), b"$pull")


def _text(name: str, value: str) -> bytes:
    """A BSON element of type string."""
    words = value.encode() + b"\0"
    return b"\x02" + name.encode() + b"\0" + _LENGTH.pack(len(words)) + words


@dataclass
class MongoGate:
    """Open until a message has all of `words`; that one and every later one goes no further."""

    url: str
    words: Words
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection's messages, to its end."""
        while True:
            head = await reader.readexactly(_LENGTH.size)
            message = head + await reader.readexactly(_LENGTH.unpack(head)[0] - _LENGTH.size)
            if all(words in message for words in self.words):
                self.reached.set()
            if not self.reached.is_set():
                writer.write(message)
                await writer.drain()


@asynccontextmanager
async def mongo_gate(mongo_url: str, words: Words) -> AsyncIterator[MongoGate]:
    """Such a way to the server of `mongo_url`, at an address of its own."""
    server = urlsplit(mongo_url)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_connection(server.hostname, server.port)
        ways = [asyncio.create_task(gate.pass_on(reader, questions)), asyncio.create_task(_copy(answers, writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        # A connection that breaks off is what this is made for.
        await asyncio.gather(*ways, return_exceptions=True)
        questions.close()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1")
    port = listening.sockets[0].getsockname()[1]
    gate = MongoGate(server._replace(netloc=f"127.0.0.1:{port}").geturl(), words)
    yield gate
    listening.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(2**16):
        writer.write(data)
        await writer.drain()
