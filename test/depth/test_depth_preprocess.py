"""Preprocessing against PIL and the Hugging Face processor."""
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from depth_checkpoints import textured
from numpy.typing import NDArray

from smolvlm_ros.depth.preprocess import Preprocessor, resize_rgb
from smolvlm_ros.models.depth_metadata import IMAGENET_MEAN, IMAGENET_STD


def photographs() -> list[NDArray[np.uint8]]:
    """Frames of a hand-held camera, where the data is on this machine."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "rgbd_kitchen"
    files = sorted(folder.glob("*.color.jpg"))[:3]
    return [cv2.cvtColor(cv2.imread(str(f)), cv2.COLOR_BGR2RGB) for f in files]


@pytest.mark.parametrize("source", [(480, 640), (720, 1280), (1080, 1920), (375, 1242), (240, 320)])
@pytest.mark.parametrize("size", [(518, 686), (392, 518), (252, 336)])
def test_within_a_hundredth_of_pil(source: tuple[int, int], size: tuple[int, int]) -> None:
    pil = pytest.importorskip("PIL.Image", reason="the reference is PIL")
    image = textured(*source)
    wanted = np.asarray(pil.fromarray(image).resize(size[::-1], pil.BICUBIC), np.float64)
    wanted = (wanted / 255 - IMAGENET_MEAN) / IMAGENET_STD
    got = Preprocessor(*size, IMAGENET_MEAN, IMAGENET_STD)(image)
    assert got.shape == (1, 3, *size) and got.dtype == np.float32 and got.flags.c_contiguous
    assert np.abs(got[0].transpose(1, 2, 0) - wanted).mean() < 0.01


@pytest.mark.parametrize("size", [(518, 686), (518, 518), (392, 518), (308, 406), (252, 336)])
def test_photographs_within_a_hundredth_of_pil(size: tuple[int, int]) -> None:
    pil = pytest.importorskip("PIL.Image", reason="the reference is PIL")
    images = photographs()
    if not images:
        pytest.skip("no ../shared/data/rgbd_kitchen on this machine")
    for image in images:
        wanted = np.asarray(pil.fromarray(image).resize(size[::-1], pil.BICUBIC), np.float64)
        wanted = (wanted / 255 - IMAGENET_MEAN) / IMAGENET_STD
        got = Preprocessor(*size, IMAGENET_MEAN, IMAGENET_STD)(image)
        assert np.abs(got[0].transpose(1, 2, 0) - wanted).mean() < 0.01


@pytest.mark.parametrize("source", [(480, 640), (720, 1280), (600, 600)])
def test_within_a_hundredth_of_the_processor(source: tuple[int, int]) -> None:
    transformers = pytest.importorskip("transformers", reason="the reference is its processor")
    kind = getattr(transformers, "DPTImageProcessorPil", None)
    if kind is None:
        pytest.skip("this transformers has no processor without torchvision")
    processor = kind(size={"height": 252, "width": 336}, keep_aspect_ratio=True,
                     ensure_multiple_of=14, resample=3, image_mean=list(IMAGENET_MEAN),
                     image_std=list(IMAGENET_STD))
    image = textured(*source)
    wanted = np.asarray(processor(images=image, return_tensors="np")["pixel_values"])
    got = Preprocessor(*wanted.shape[2:], IMAGENET_MEAN, IMAGENET_STD)(image)
    assert np.abs(got - wanted).mean() < 0.01


def test_flat_colour_is_exact() -> None:
    image = np.full((90, 130, 3), (10, 128, 250), np.uint8)
    got = Preprocessor(42, 56, IMAGENET_MEAN, IMAGENET_STD)(image)
    expected = (np.array([10, 128, 250]) / 255 - IMAGENET_MEAN) / IMAGENET_STD
    np.testing.assert_allclose(got[0], np.broadcast_to(expected[:, None, None], (3, 42, 56)),
                               atol=1e-6)


def test_same_size_is_untouched() -> None:
    image = textured(56, 70 + 2)
    np.testing.assert_array_equal(resize_rgb(image, 72, 56), image)
