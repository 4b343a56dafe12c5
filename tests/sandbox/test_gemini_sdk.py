"""Gemini: Google's own SDK is the referee."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
import pyvips
from conftest import Sandbox
from google import genai
from google.genai import errors, types
