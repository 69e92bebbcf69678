"""The fixed picture of the self-check."""
from __future__ import annotations

import numpy as np

from smolvlm_ros.models.canary import canary_image, fingerprint


def test_picture_is_the_same_everywhere() -> None:
    # Values of one version are compared on machines with another numpy: pin some of them.
    image = canary_image(252, 336)
    assert image.shape == (252, 336, 3) and image.dtype == np.uint8
    assert image[0, 0].tolist() == [128, 0, 51] and image[126, 168].tolist() == [18, 89, 230]
    assert image.reshape(-1, 3).std(0).min() > 30  # something to see in every channel


def test_fingerprint_is_the_mean_of_cells() -> None:
    picture = np.kron(np.arange(64, dtype=np.float32).reshape(8, 8), np.ones((3, 5), np.float32))
    np.testing.assert_allclose(fingerprint(picture), np.arange(64).reshape(8, 8))
    assert fingerprint(np.zeros((13, 17))).shape == (8, 8)
