"""OpenAI's Images API: generations and edits, synchronous, without keys that would make a repetition known."""
