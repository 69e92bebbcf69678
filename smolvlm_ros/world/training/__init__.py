"""Training of the checkpoints that come with the package, on scenes of the embedded world.

    python -m smolvlm_ros.world.training depth-indoor --output checkpoints/depth-indoor

Each is the real architecture of transformers at a small size, written in the hub's format. It
needs the extra `train`. The same seed gives the same run on the same machine; a run that was
stopped goes on from its last saved state. A run with other options, or after a change of its recipe
or of the code that draws, wants another --work, and is told so where it would find the state of
this one.
"""
