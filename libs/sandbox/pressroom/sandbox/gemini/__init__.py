"""Gemini's Developer API, v1beta: files, generateContent and the Batch API."""
