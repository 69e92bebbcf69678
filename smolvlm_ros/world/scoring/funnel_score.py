"""The counts of the funnel's score, and the figures made of them."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class FunnelScore:
    """Counts of one timeline, or of several together.

    Attributes:
        visits: scripted entries.
        missed_enters: of these, without an 'enter' of their class while they lasted.
        missed_leaves: scripted exits, long enough before the end, without a 'leave'.
        false_events: 'enter' events that are nobody's: the nearest of that class was not visiting
            the zone, or there was none.
        repeated_events: further 'enter' events in the same visit: the track was lost.
        questions: answers that the templates expect for the visits.
        decided: of these, answered YES or NO and not wrong, while the visitor was there.
        wrong: of these, answered against the truth at the newest frame that was asked; and every
            further verdict that is wrong.
        further: verdicts YES or NO, right or wrong, to what the templates do not expect of a visit:
            of strays, and to questions of events that came when they need not have.
        unsettled: verdicts YES or NO that are neither right nor wrong; see `answers.judge`.
        stray: verdicts YES or NO that no visit raised: of false and misclassified entries.
        frames_in, frames_passed: of the gate.
        enter_delays_s: from the crossing of the edge to the event's stamp.
        position_errors: distance from the truth over the distance from the camera, one for each
            object seen; see `positions.position_errors`.
        unknown_objects: objects seen that are near nothing of their class, or twice; the error of
            the former counts too where their class was in sight.
        faults: what went wrong, in words, for whoever looks into it.
    """

    visits: int = 0
    missed_enters: int = 0
    missed_leaves: int = 0
    false_events: int = 0
    repeated_events: int = 0
    questions: int = 0
    decided: int = 0
    wrong: int = 0
    further: int = 0
    unsettled: int = 0
    stray: int = 0
    frames_in: int = 0
    frames_passed: int = 0
    enter_delays_s: tuple[float, ...] = ()
    position_errors: tuple[float, ...] = ()
    unknown_objects: int = 0
    faults: tuple[str, ...] = ()

    def __add__(self, other: FunnelScore) -> FunnelScore:
        return FunnelScore(**{name: getattr(self, name) + getattr(other, name)
                              for name in self.__dataclass_fields__})

    def rows(self) -> dict[str, float]:
        """The figures by key; NaN where there was nothing to count."""
        return {
            "funnel_wrong_rate": _share(self.wrong, self.questions + self.further),
            "funnel_decided_rate": _share(self.decided, self.questions),
            "funnel_missed_events": self.missed_enters + self.missed_leaves,
            "funnel_position_error_rel": _quantile(self.position_errors, 0.5),
            "funnel_pass_rate": _share(self.frames_passed, self.frames_in),
            "funnel_visits": self.visits,
            "funnel_questions": self.questions,
            "funnel_wrong_verdicts": self.wrong,
            "funnel_further_verdicts": self.further,
            "funnel_unsettled": self.unsettled,
            "funnel_stray_verdicts": self.stray,
            "funnel_missed_enters": self.missed_enters,
            "funnel_missed_leaves": self.missed_leaves,
            "funnel_false_events": self.false_events,
            "funnel_repeated_events": self.repeated_events,
            "funnel_enter_delay_p50_s": _quantile(self.enter_delays_s, 0.5),
            "funnel_enter_delay_p95_s": _quantile(self.enter_delays_s, 0.95),
            "funnel_position_error_rel_p90": _quantile(self.position_errors, 0.9),
            "funnel_unknown_objects": self.unknown_objects,
            "funnel_objects": len(self.position_errors),
        }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _quantile(values: Sequence[float], share: float) -> float:
    return float(np.quantile(values, share)) if values else math.nan
