"""What one frame showed, as arrays in one TF frame."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.fusion.tracks import Track
from smolvlm_ros.fusion.transform import Transform


@dataclass(frozen=True, eq=False)
class Sightings:
    """What one frame showed, in one TF frame.

    Attributes:
        track_ids: N numbers of tracks, each once.
        class_names: N names.
        positions: shape (N, 3) float64, metres.
        radii: shape (N,) float64, metres: half of the object's width. That of the camera's view:
            how deep a thing is, is known less well than how wide; and where the camera looks down,
            the longer of the view's sides.
        hits: shape (N,), sightings of each track so far, this one included; empty for
            first ones.
        unplaced: numbers of tracks that may be there, but have no position in this frame: nothing
            is known of them, neither that they are inside nor that they are missing.

    Raises:
        ValueError: when lengths do not agree or a position is not finite.
    """

    track_ids: Sequence[int]
    class_names: Sequence[str]
    positions: NDArray[np.float64]
    radii: NDArray[np.float64]
    hits: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    unplaced: frozenset[int] = frozenset()
    # Made here once for all zones: row of each track, and each row's class as an index of kinds.
    rows: dict[int, int] = field(init=False)
    codes: NDArray[np.intp] = field(init=False)
    kinds: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.track_ids)
        positions = np.asarray(self.positions, np.float64).reshape(-1, 3)
        radii = np.asarray(self.radii, np.float64).reshape(-1)
        if not count == len(self.class_names) == len(positions) == len(radii):
            raise ValueError(f"{count} track ids, {len(self.class_names)} class names, "
                             f"{len(positions)} positions and {len(radii)} radii, expected the "
                             "same number of each")
        if not np.isfinite(positions).all():
            raise ValueError("positions has values that are not finite; leave such objects out")
        hits = np.asarray(self.hits, np.intp) if len(self.hits) else np.ones(count, np.intp)
        if hits.shape != (count,):
            raise ValueError(f"hits has shape {hits.shape}, expected ({count},)")
        numbers: dict[str, int] = {}
        codes = [numbers.setdefault(name, len(numbers)) for name in self.class_names]
        object.__setattr__(self, "positions", positions)
        object.__setattr__(self, "radii", radii)
        object.__setattr__(self, "hits", hits)
        object.__setattr__(self, "rows", {t: row for row, t in enumerate(self.track_ids)})
        object.__setattr__(self, "codes", np.array(codes, np.intp))
        object.__setattr__(self, "kinds", tuple(numbers))

    @classmethod
    def of(cls, tracks: Iterable[Track], transform: Transform | None = None,
           looks_down: bool = False) -> Sightings:
        """The tracks seen in this frame, moved from the tracker's frame to the zones'.

        Args:
            tracks: after an update.
            transform: from the tracker's frame to the zones'; None where they are the same.
            looks_down: the camera does (`Transform.looks_down`).
        """
        tracks = tuple(tracks)
        seen = [t for t in tracks if t.seen]
        points = np.array([t.position for t in seen], np.float64).reshape(-1, 3)
        radii = np.array([t.size[:1 + looks_down].max() / 2 for t in seen], np.float64)
        return cls([t.id for t in seen], [t.class_name for t in seen],
                   points if transform is None else transform.apply(points), radii,
                   np.array([t.hits for t in seen], np.intp),
                   frozenset(t.id for t in tracks if t.unplaced))
