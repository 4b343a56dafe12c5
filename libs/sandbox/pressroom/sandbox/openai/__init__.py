"""OpenAI's Images API: generations and edits, synchronous and without keys that would make a repetition known, or as
batches of rows with keys; and the files that batches are made of."""
