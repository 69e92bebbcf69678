"""What gives a geometry question away: regular expressions by language and aspect.

They are written for text as `guard.plain` makes it: lower case and **without accents** (so "à" is
"a", and "größe" and "große" are both "grosse"). What each language's ORDINARY matches is taken out
before its RULES are tried.
"""
from __future__ import annotations

from smolvlm_ros.qa.guard_rules import chinese, english, french, german, spanish
from smolvlm_ros.qa.guard_rules.shared import ANGLE, COORDINATES, LEADING, QUOTED, TRAILING

RULES: dict[str, dict[str, tuple[str, ...]]] = {
    "en": english.RULES, "fr": french.RULES, "de": german.RULES, "es": spanish.RULES,
    "zh": chinese.RULES}
ORDINARY: dict[str, tuple[str, ...]] = {
    "en": english.ORDINARY, "fr": french.ORDINARY, "de": german.ORDINARY, "es": spanish.ORDINARY,
    "zh": chinese.ORDINARY}
# In any language.
ANYWHERE: dict[str, tuple[str, ...]] = {"direction": (COORDINATES, ANGLE)}

__all__ = ["ANYWHERE", "LEADING", "ORDINARY", "QUOTED", "RULES", "TRAILING"]
