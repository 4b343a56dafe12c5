"""Everything that the sandbox was given, in one sqlite file: documents by collection, the effects that a vendor would
bill or that must happen once, and the request log. Invariant: what was answered is on disk first, and a kill -9 at any
instruction loses nothing that was answered (WAL; `synchronous=NORMAL` survives the death of the process, not of the
machine). Blocks under `transaction()` hold a lock and must not await."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pressroom.sandbox.core.wire import JsonObject, as_object, dump, parse

# The log is for looking at, not for counting: the newest rows are enough, and the file must not grow for ever.
REQUESTS_KEPT = 5000

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, collection TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
    UNIQUE (collection, id));
CREATE INDEX IF NOT EXISTS documents_by_handle ON documents (collection, json_extract(body, '$.handle'));
CREATE INDEX IF NOT EXISTS documents_by_sha256 ON documents (collection, json_extract(body, '$.sha256'));
CREATE INDEX IF NOT EXISTS documents_by_filename ON documents (collection, json_extract(body, '$.filename'));
CREATE TABLE IF NOT EXISTS effects (
    kind TEXT NOT NULL, source TEXT NOT NULL, fingerprint TEXT NOT NULL, note TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (kind, source));
CREATE INDEX IF NOT EXISTS effects_by_fingerprint ON effects (kind, fingerprint);
CREATE TABLE IF NOT EXISTS requests (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, vendor TEXT NOT NULL, body TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Row:
    """A document and its place in the order of creation."""

    seq: int
    id: str
    body: JsonObject


@dataclass(frozen=True)
class Repeated:
    """An effect that happened more than once."""

    fingerprint: str
    times: int
    note: str


class Store:
    """The sandbox's memory; one per process, safe to use from threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(folder / "sandbox.sqlite3", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All or nothing, and nobody in between; may be nested."""
        with self._lock:
            if self._depth == 0:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._db.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("COMMIT")

    def put(self, collection: str, document_id: str, body: JsonObject) -> None:
        """Adds the document, or replaces it in its old place in the order."""
        with self._lock:
            self._db.execute(
                "INSERT INTO documents (collection, id, body) VALUES (?, ?, ?)"
                " ON CONFLICT (collection, id) DO UPDATE SET body = excluded.body",
                (collection, document_id, dump(body)),
            )

    def get(self, collection: str, document_id: str) -> JsonObject | None:
        with self._lock:
            row = self._db.execute(
                "SELECT body FROM documents WHERE collection = ? AND id = ?", (collection, document_id)
            ).fetchone()
        return None if row is None else as_object(parse(row[0]))

    def delete(self, collection: str, document_id: str) -> bool:
        with self._lock:
            cursor = self._db.execute(
                "DELETE FROM documents WHERE collection = ? AND id = ?", (collection, document_id)
            )
        return cursor.rowcount > 0

    def count(self, collection: str) -> int:
        with self._lock:
            return int(
                self._db.execute("SELECT count(*) FROM documents WHERE collection = ?", (collection,)).fetchone()[0]
            )

    def rows(
        self,
        collection: str,
        *,
        limit: int = -1,
        newest_first: bool = False,
        past_seq: int | None = None,
        skip: int = 0,
    ) -> list[Row]:
        """A collection in the order of creation (or against it), past a place, at most `limit` (-1: all)."""
        order, past = ("DESC", "seq < ?") if newest_first else ("ASC", "seq > ?")
        edge = past_seq if past_seq is not None else (2**62 if newest_first else 0)
        with self._lock:
            found = self._db.execute(
                f"SELECT seq, id, body FROM documents WHERE collection = ? AND {past}"  # noqa: S608 both are ours
                f" ORDER BY seq {order} LIMIT ? OFFSET ?",
                (collection, edge, limit, skip),
            ).fetchall()
        return [Row(seq, document_id, as_object(parse(body))) for seq, document_id, body in found]

    def find(self, collection: str, field: str, value: str) -> list[Row]:
        """The documents whose top-level text field has this value, oldest first."""
        with self._lock:
            found = self._db.execute(
                f"SELECT seq, id, body FROM documents WHERE collection = ?"  # noqa: S608 the field name is ours
                f" AND json_extract(body, '$.{field}') = ? ORDER BY seq",
                (collection, value),
            ).fetchall()
        return [Row(seq, document_id, as_object(parse(body))) for seq, document_id, body in found]

    def next_number(self, name: str, first: int = 1) -> int:
        """A number that no caller was given before, kept over restarts."""
        with self.transaction():
            body = self.get("sandbox.numbers", name) or {"next": first}
            number = body["next"]
            if not isinstance(number, int):
                raise TypeError(f"the counter {name} holds {number!r}")
            self.put("sandbox.numbers", name, {"next": number + 1})
        return number

    def record_effect(self, kind: str, source: str, fingerprint: str, note: str) -> bool:
        """Notes that something billable or unrepeatable was done. The same `source` (one row of one batch, one request)
        is counted once however often it is recorded; another source of the same fingerprint is a repetition.
        True when it was new."""
        with self._lock:
            cursor = self._db.execute(
                "INSERT OR IGNORE INTO effects (kind, source, fingerprint, note, at) VALUES (?, ?, ?, ?, ?)",
                (kind, source, fingerprint, note, time.time()),
            )
        return cursor.rowcount > 0

    def count_effects(self, kind: str) -> int:
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM effects WHERE kind = ?", (kind,)).fetchone()[0])

    def repeated_effects(self, kind: str) -> list[Repeated]:
        """The fingerprints recorded by more than one source."""
        with self._lock:
            found = self._db.execute(
                "SELECT fingerprint, count(*), min(note) FROM effects WHERE kind = ?"
                " GROUP BY fingerprint HAVING count(*) > 1 ORDER BY min(at)",
                (kind,),
            ).fetchall()
        return [Repeated(fingerprint, times, note) for fingerprint, times, note in found]

    def log_request(self, vendor: str, body: JsonObject) -> None:
        with self._lock:
            cursor = self._db.execute("INSERT INTO requests (vendor, body) VALUES (?, ?)", (vendor, dump(body)))
            if (cursor.lastrowid or 0) % 100 == 0:
                self._db.execute("DELETE FROM requests WHERE seq <= ?", ((cursor.lastrowid or 0) - REQUESTS_KEPT,))

    def requests(self, vendor: str | None = None, limit: int = 200) -> list[JsonObject]:
        """The newest requests first."""
        query = "SELECT body FROM requests ORDER BY seq DESC LIMIT ?"
        given: tuple[str | int, ...] = (limit,)
        if vendor is not None:
            query, given = "SELECT body FROM requests WHERE vendor = ? ORDER BY seq DESC LIMIT ?", (vendor, limit)
        with self._lock:
            found = self._db.execute(query, given).fetchall()
        return [as_object(parse(body)) for (body,) in found]

    def reset(self) -> None:
        """Forgets everything but the numbers already given out, so that no old id ever means something new."""
        with self.transaction():
            self._db.execute("DELETE FROM documents WHERE collection != 'sandbox.numbers'")
            self._db.execute("DELETE FROM effects")
            self._db.execute("DELETE FROM requests")

    def close(self) -> None:
        with self._lock:
            self._db.close()
