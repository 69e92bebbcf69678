"""What can be wrong with a model, as exceptions whose text names the offender and the fix."""
from __future__ import annotations


class ModelError(ValueError):
    """A model cannot be used; the base of the errors below."""


class CheckpointError(ModelError):
    """A file or folder of weights is missing, damaged, unsafe to open, or not the one asked for."""


class LicenceError(ModelError):
    """A checkpoint's licence does not allow the use that is configured."""


class MemoryFloorError(ModelError):
    """The machine has less free memory than the model was measured to need."""


class ProviderError(ModelError):
    """The accelerator asked for is not there, was silently replaced, or computes wrong results."""
