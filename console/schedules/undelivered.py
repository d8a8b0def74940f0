"""The error of everything that carries a report away."""

from __future__ import annotations


class Undelivered(Exception):
    """It did not arrive, or nobody said that it did. `str()` is one line for the page Health."""
