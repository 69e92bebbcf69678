"""What gives a geometry question away: regular expressions by language and aspect.

They are written for text as `guard.plain` makes it: lower case and **without accents** (so "à" is
"a", and "größe" and "große" are both "grosse"). What each language's ORDINARY matches is taken out
before its RULES are tried.
"""
from __future__ import annotations

from smolvlm_ros.qa.guard_rules import (
    chinese,
    english,
    english_everyday,
    french,
    french_everyday,
    german,
    german_everyday,
    spanish,
    spanish_everyday,
)
from smolvlm_ros.qa.guard_rules.shared import ANGLE, COORDINATES, LEADING, QUOTED, TRAILING

_TABLES = {"en": (english, english_everyday), "fr": (french, french_everyday),
           "de": (german, german_everyday), "es": (spanish, spanish_everyday), "zh": (chinese,)}
RULES: dict[str, dict[str, tuple[str, ...]]] = {
    language: {aspect: tuple(rule for table in tables for rule in table.RULES[aspect])
               for aspect in tables[0].RULES}
    for language, tables in _TABLES.items()}
ORDINARY: dict[str, tuple[str, ...]] = {
    language: tuple(rule for table in reversed(tables) for rule in table.ORDINARY)
    for language, tables in _TABLES.items()}
# In any language.
ANYWHERE: dict[str, tuple[str, ...]] = {"direction": (COORDINATES, ANGLE)}

__all__ = ["ANYWHERE", "LEADING", "ORDINARY", "QUOTED", "RULES", "TRAILING"]
