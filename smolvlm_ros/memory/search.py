"""Searching the memory in words, place and time, at a cost that does not grow with it.

Ranked as BM25 does with k1 = 0 (Robertson and Zaragoza, 2009): a row scores the weights (inverse
document frequencies) of the words it holds, since a row is a sentence and how often a word occurs
in it says nothing. Equal scores: the newer first. FTS5's own bm25() reads every occurrence of every
word for that; here the sets of words are asked for from the heaviest on, each newest first, until
there are enough rows, and how common a word is comes from its newest occurrences.
"""
from __future__ import annotations

import itertools
import math
import sqlite3
import time
from dataclasses import dataclass
from typing import Any, TypeAlias

from smolvlm_ros.memory.moment import Found
from smolvlm_ros.memory.rows import COLUMNS, MAX_STAMP_NS, moment_of
from smolvlm_ros.memory.schema import SAME_US, first_id
from smolvlm_ros.memory.words import DENIED, sought, words

_Row: TypeAlias = tuple[Any, ...]

_COUNTED = 128       # occurrences of a word at most that its weight is told from
_AROUND = 2048       # moments at most that they are counted among
_SEARCH_S = 2.0      # after this no further set of words is tried
_DENIED_SHARE = 0.5  # of its score, for a moment in which the words were denied


@dataclass(frozen=True)
class Query:
    """What is searched for.

    Attributes:
        text: words, in any order and form; a moment must hold at least one. Empty for any.
        zone: its exact name; empty for any.
        class_name: its exact name; empty for any.
        since_ns, until_ns: first and last stamp, both included; 0 for no limit.
        limit: at most so many, at least 1.
    """

    text: str = ""
    zone: str = ""
    class_name: str = ""
    since_ns: int = 0
    until_ns: int = 0
    limit: int = 20

    def __post_init__(self) -> None:
        if self.until_ns and self.until_ns < self.since_ns:
            raise ValueError("until lies before since; swap them")


@dataclass(frozen=True)
class Result:
    """What was found, best first.

    Attributes:
        found: the moments.
        complete: False when the search was ended for time: others may match some of the words.
    """

    found: tuple[Found, ...]
    complete: bool = True


def search(connection: sqlite3.Connection, query: Query) -> Result:
    """Find moments.

    Raises:
        ValueError: the text has no word in it.
        sqlite3.DatabaseError: the database cannot be read.
    """
    wanted, denied = sought(query.text)
    connection.execute("BEGIN")  # one state of it, whatever is written meanwhile
    try:
        search_ = _Search(connection, query)
        scored = search_.by_words(wanted, denied) if wanted else search_.any()
        found = tuple(Found(moment_of(connection, row), score) for score, row in scored)
    finally:
        if connection.in_transaction:  # not after an error that ended it
            connection.execute("ROLLBACK")
    return Result(found, search_.complete)


class _Search:
    def __init__(self, connection: sqlite3.Connection, query: Query) -> None:
        self.complete = True
        self._connection = connection
        self._limit = query.limit
        self._meet: dict[tuple[str, str], bool] = {}
        self._until_s = time.monotonic() + _SEARCH_S
        last_ns = min(query.until_ns or MAX_STAMP_NS, MAX_STAMP_NS)
        since_ns = min(query.since_ns, MAX_STAMP_NS)
        self._ids = (first_id(since_ns), first_id(last_ns) + SAME_US - 1)
        self._where, self._values = "m.stamp_ns BETWEEN ? AND ?", [since_ns, last_ns]
        self._needed: list[str] = []
        for column, value in (("zone", query.zone), ("class_name", query.class_name)):
            if value:
                self._where += f" AND m.{column} = ?"
                self._values.append(value)  # type: ignore[arg-type]
        # The words of the names narrow the index down before the names themselves are compared.
        self._needed = [*_name_words(query.zone), *_name_words(query.class_name)]

    def any(self) -> list[tuple[float, _Row]]:
        """The newest that lie in the period and place."""
        rows = self._connection.execute(
            f"SELECT {COLUMNS} FROM moment m WHERE m.id BETWEEN ? AND ? AND {self._where} "
            "ORDER BY m.id DESC LIMIT ?", (*self._ids, *self._values, self._limit))
        return [(1.0, row) for row in rows]

    def by_words(self, wanted: list[str], denied: bool) -> list[tuple[float, _Row]]:
        """The best for these words."""
        strict = [f'"{w}"' for w in wanted]
        loose = [f'("{w}" OR "{DENIED}{w}")' for w in wanted]
        passes = [([*loose, '"no"'], 1.0)] if denied else [(strict, 1.0), (loose, _DENIED_SHARE)]
        best: dict[int, tuple[float, _Row]] = {}
        for terms, share in passes:
            if self._least(best) < share:
                self._by_subsets(terms, share, best)
        return self._ranked(best)

    def _by_subsets(self, terms: list[str], share: float,
                    best: dict[int, tuple[float, _Row]]) -> None:
        """Add what holds all of the words, or some, the heaviest sets first."""
        had: set[int] = set()  # what has all, and then what a heavier set has found
        if len(terms) <= 2 or self._all_meet(terms):
            for row in self._rows(terms, had):  # most often that is enough
                had.add(row[0])
                best[row[0]] = (max(share, best.get(row[0], (0.0,))[0]), row)
        if self._least(best) >= share:
            return
        weights = [self._weight(term) for term in terms]
        total = sum(w for w, _ in weights)
        known = [(w, t) for (w, there), t in zip(weights, terms, strict=True) if there]
        # Rounded, so that the same words in another order weigh the same.
        subsets = [(round(share * sum(w for w, _ in s) / total, 9), [t for _, t in s])
                   for n in range(1, min(len(known), len(terms) - 1) + 1)
                   for s in itertools.combinations(known, n)]
        subsets.sort(key=lambda s: -s[0])
        for score, chosen in subsets:
            if score < self._least(best):
                return
            if time.monotonic() > self._until_s:
                self.complete = False
                return
            if len(chosen) > 2 and not self._all_meet(chosen):
                continue
            for row in self._rows(chosen, had):
                had.add(row[0])
                if score > best.get(row[0], (0.0,))[0]:
                    best[row[0]] = (score, row)

    def _all_meet(self, terms: list[str]) -> bool:
        """False when two of them never stand together: asked once for each two.

        To find that out, all of both are read; that they do stand together is seen at once.
        """
        for pair in itertools.combinations(terms, 2):
            if pair not in self._meet:
                found = self._connection.execute(
                    "SELECT 1 FROM moment_words WHERE moment_words MATCH ? AND rowid BETWEEN ? AND "
                    "? ORDER BY rowid DESC LIMIT 1", (" AND ".join(pair), *self._ids)).fetchone()
                self._meet[pair] = found is not None
            if not self._meet[pair]:
                return False
        return True

    def _least(self, best: dict[int, tuple[float, _Row]]) -> float:
        """The score that another row must reach to be among the best."""
        return self._ranked(best)[-1][0] if len(best) >= self._limit else 0.0

    def _ranked(self, best: dict[int, tuple[float, _Row]]) -> list[tuple[float, _Row]]:
        ranked = sorted(best.values(), key=lambda scored: (-scored[0], -scored[1][0]))
        return ranked[:self._limit]

    def _rows(self, terms: list[str], but: Any) -> list[_Row]:
        """The newest rows that hold all the terms and are not among `but`."""
        match = " AND ".join([*terms, *self._needed])
        rows = self._connection.execute(
            f"SELECT {COLUMNS} FROM moment_words w CROSS JOIN moment m ON m.id = w.rowid "
            f"WHERE w.moment_words MATCH ? AND w.rowid BETWEEN ? AND ? AND {self._where} "
            "ORDER BY w.rowid DESC", (match, *self._ids, *self._values))
        found: list[_Row] = []
        for row in rows:
            if row[0] not in but:
                found.append(row)
            if len(found) >= self._limit:
                break
        rows.close()
        return found

    def _weight(self, term: str) -> tuple[float, bool]:
        """A term's inverse document frequency, and whether it occurs at all."""
        c = self._connection
        total = max(1, c.execute("SELECT moments FROM total").fetchone()[0])
        newest = [k for k, in c.execute(
            "SELECT rowid FROM moment_words WHERE moment_words MATCH ? ORDER BY rowid DESC LIMIT ?",
            (term, _COUNTED))]
        frequency = max(0.5, len(newest))
        if len(newest) == _COUNTED:
            among, = c.execute("SELECT count(*) FROM (SELECT 1 FROM moment WHERE id >= ? LIMIT ?)",
                               (newest[-1], _AROUND)).fetchone()
            frequency = total * _COUNTED / among
        return math.log1p(total / frequency), bool(newest)


def _name_words(name: str) -> list[str]:
    return [f'"{w}"' for w in words(name)]
