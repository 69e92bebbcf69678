"""How well checkpoints and the whole funnel do in the embedded world, against its truth."""
