"""The truth in MongoDB: documents, state machines, claims, outbox."""
