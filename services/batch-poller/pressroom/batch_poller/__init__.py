"""Asynchronous provider jobs: submit, track, collect."""
