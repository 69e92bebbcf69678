"""What depth and detection do alike with an exported network.

Its file is found, its licence and size are checked, it is opened on the provider that was asked
for, and it shows on a fixed picture that it computes right before the first frame.
"""
from __future__ import annotations

from smolvlm_ros.accelerator.config import AcceleratorConfig
from smolvlm_ros.accelerator.model_file import ModelChoice, find_model
from smolvlm_ros.accelerator.network import NetworkKind, open_network
from smolvlm_ros.accelerator.opened import OpenNetwork
from smolvlm_ros.accelerator.preprocess import ImageTensor

__all__ = ["AcceleratorConfig", "ImageTensor", "ModelChoice", "NetworkKind", "OpenNetwork",
           "find_model", "open_network"]
