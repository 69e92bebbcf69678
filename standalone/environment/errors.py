"""What stops the set-up."""
from __future__ import annotations


class SetupError(Exception):
    """A reason and its cure, in one line for the person at the terminal."""
