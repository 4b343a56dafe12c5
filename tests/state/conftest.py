"""Fixtures of these tests."""

from ..house import house

__all__ = ["house"]
