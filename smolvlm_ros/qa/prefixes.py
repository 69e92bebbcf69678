"""Keys and values of what questions share: the system prompt and an image, for the last images."""
from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Prefixes:
    """A few caches of keys and values (transformers' `DynamicCache`), by the image's pixels.

    Not safe in threads.

    Args:
        most: how many are kept, at least 1.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._caches: OrderedDict[bytes, Any] = OrderedDict()

    def __len__(self) -> int:
        """Caches kept."""
        return len(self._caches)

    def take(self, image_rgb: NDArray[np.uint8]) -> tuple[bytes, Any]:
        """The image's key, and its cache, None when there is none.

        It is taken out, so that nothing half done stays when a pass on it fails; and there is
        room for it, so that no more than `most` are in memory while it is computed.
        """
        image = np.ascontiguousarray(image_rgb)
        key = hashlib.blake2b(image.data, digest_size=16,
                              key=repr(image.shape).encode()).digest()
        cache = self._caches.pop(key, None)
        while len(self._caches) >= self._most:
            self._caches.popitem(last=False)
        return key, cache

    def put(self, key: bytes, cache: Any) -> None:
        """Keep the cache that was taken, or made instead."""
        self._caches[key] = cache

    def clear(self) -> None:
        """Forget all."""
        self._caches.clear()


def remove_last(cache: Any, tokens: int) -> None:
    """Take the last tokens out of a cache, and give their memory back."""
    import torch

    # Negative: a positive length does not work in all versions of transformers.
    cache.crop(-tokens)
    with torch.inference_mode():
        for layer in cache.layers:  # after crop they are views, which hold the whole memory
            layer.keys, layer.values = layer.keys.clone(), layer.values.clone()
