"""When two spellings mean one thing: ids, names of buildings, names of parks.

Numbers, single letters and compass words tell the buildings of one plant apart, so they must
agree whatever the rest looks like: "1号厂房" is not "2号厂房".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from pvplan.tables import Floats

Words = npt.NDArray[np.object_]

_RUNS: Final = re.compile(r"\d+|[^\W\d_]+")
_MARKS: Final = re.compile(r"\d+|(?<![a-z])[a-z](?![a-z])|[东南西北中甲乙丙丁]")
_NUMERALS: Final = str.maketrans("零一二三四五六七八九", "0123456789")
_LISTS: Final = re.compile(r"[;；、]")
SAME: Final = 100.0


def plain(text: object) -> str:
    """Return a text in the spelling that is compared: NFKC, case folded, no white space."""
    return "".join(unicodedata.normalize("NFKC", str(text)).casefold().split())


def id_key(text: object) -> str:
    """Return an id without case, width, separators and leading zeros: ``Ａ-01`` is ``a1``.

    Runs of digits stay apart, so that ``1-11`` and ``11-1`` differ.
    """
    runs = _RUNS.findall(unicodedata.normalize("NFKC", str(text)).casefold())
    return "|".join(run.lstrip("0") or "0" if run.isdecimal() else run for run in runs)


def listed(text: object) -> list[str]:
    """Return the ids that one cell lists, separated by ``;`` or ``、``, each once."""
    words = (word.strip() for word in _LISTS.split(str(text)))
    return list(dict.fromkeys(word for word in words if word))


def marks(name: str) -> tuple[str, ...]:
    """Return what tells buildings of one plant apart: numbers, single letters, compass words."""
    figures = _MARKS.findall(name.translate(_NUMERALS))
    return tuple(sorted(word.lstrip("0") or "0" if word.isdecimal() else word for word in figures))


def core(name: str, generic_words: Iterable[str]) -> str:
    """Return a plain name without the words that tell no park from another."""
    for word in sorted(map(plain, generic_words), key=lambda word: (-len(word), word)):
        name = name.replace(word, "")
    return name


def ratios(names: Sequence[str], others: Sequence[str]) -> Floats:
    """Return how alike names are, pair by pair.

    Parameters
    ----------
    names, others
        Shape (pairs,): texts; an empty one is like nothing.

    Returns
    -------
    ndarray
        Shape (pairs,), 0 to 100: the token set ratio of the NFKC, case-folded texts (rapidfuzz,
        https://rapidfuzz.github.io/RapidFuzz), 100 only for equal ones, 0 where the marks of
        :func:`marks` differ.
    """
    if not len(names):
        return np.empty(0)
    texts, which = np.unique(np.concatenate([np.asarray(names), np.asarray(others)]),
                             return_inverse=True)  # fmt: skip
    folded = [
        " ".join(unicodedata.normalize("NFKC", str(text)).casefold().split()) for text in texts
    ]
    keys = np.array([plain(text) for text in texts], dtype=object)
    told = np.array(["\0".join(marks(key)) for key in keys], dtype=object)
    left, right = which[: len(names)], which[len(names) :]
    found = process.cpdist(
        [folded[word] for word in left], [folded[word] for word in right],
        scorer=fuzz.token_set_ratio, workers=1, dtype=np.float64,
    )  # fmt: skip
    # A name within another ("Works" in "Works Annex") scores 100 there, but is not the same.
    alike = np.minimum(np.asarray(found, dtype=np.float64), SAME - 1.0)
    alike[told[left] != told[right]] = 0.0
    empty = (keys[left] == "") | (keys[right] == "")
    same = np.where(empty, 0.0, np.where(keys[left] == keys[right], SAME, alike))
    return np.asarray(same, dtype=np.float64)


def most_alike(
    names: Sequence[str], groups: npt.ArrayLike, others: Sequence[str], of: npt.ArrayLike,
    min_ratio: float,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]:  # fmt: skip
    """Find, for each name, the like ones among those of its own group.

    Parameters
    ----------
    names, groups
        Shape (rows,): names and the group (a park) that each is looked for in.
    others, of
        Shape (candidates,): names, and the group of each.
    min_ratio
        Pairs below this (:func:`ratios`) are not returned.

    Returns
    -------
    rows, candidates, ratio
        Shape (pairs,) each, ordered by row and candidate.
    """
    group, home = np.asarray(groups), np.asarray(of)
    rows: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
    found: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
    wanted, known = np.asarray(names, dtype=object), np.asarray(others, dtype=object)
    order = np.argsort(home, kind="stable")
    starts = np.searchsorted(home[order], [group, group + 1]) if len(group) else np.empty((2, 0))
    for place in np.unique(group):
        mine = np.flatnonzero(group == place)
        near = order[starts[0][mine[0]] : starts[1][mine[0]]]
        if not len(near):
            continue
        texts, which = np.unique([plain(name) for name in wanted[mine]], return_inverse=True)
        theirs = [plain(name) for name in known[near]]
        scores = process.cdist(
            texts.tolist(), theirs, scorer=fuzz.token_set_ratio, score_cutoff=min_ratio
        )
        one, other = np.nonzero(scores)
        for text, candidates in zip(*_runs(one, other), strict=True):
            who = mine[which == text]
            rows.append(np.repeat(who, len(candidates)))
            found.append(np.tile(near[candidates], len(who)))
    row, candidate = np.concatenate(rows), np.concatenate(found)
    alike = ratios(wanted[row].tolist(), known[candidate].tolist())
    keep = alike >= min_ratio
    order = np.lexsort((candidate[keep], row[keep]))
    return row[keep][order], candidate[keep][order], alike[keep][order]


def _runs(
    keys: npt.NDArray[np.int64], values: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], list[npt.NDArray[np.int64]]]:
    heads, starts = np.unique(keys, return_index=True)
    return heads, np.split(values, starts[1:]) if len(heads) else []


def parks_named(
    texts: Sequence[object], bearers: dict[str, set[int]], generic: Iterable[str], min_ratio: float
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Find the park that a text names.

    Parameters
    ----------
    texts
        Shape (rows,): as written.
    bearers
        The parks (positions) that bear each name, ids among them, as :func:`plain` spells them.
    generic
        Words that tell no park from another; like names are compared without them.
    min_ratio
        0 to 100: below it two names are not alike.

    Returns
    -------
    park, ratio
        Shape (rows,): position, -1 where no park or several bear the name; and how alike
        the names are, 0 to 100.
    """
    words = list(generic)
    cores: dict[str, set[int]] = {}
    for name, parks in bearers.items():
        cores.setdefault(core(name, words), set()).update(parks)
    cores.pop("", None)
    seen: dict[str, tuple[int, float]] = {}
    for text in dict.fromkeys(map(str, texts)):
        word = plain(text)
        if word in bearers:
            # A name that several parks bear tells none of them.
            seen[text] = (min(bearers[word]), SAME) if len(bearers[word]) == 1 else (-1, 0.0)
            continue
        seen[text] = _park_alike(core(word, words), cores, min_ratio)
    found = [seen[str(text)] for text in texts]
    return (
        np.array([park for park, _ in found], dtype=np.int64),
        np.array([ratio for _, ratio in found], dtype=np.float64),
    )


def _park_alike(word: str, cores: dict[str, set[int]], min_ratio: float) -> tuple[int, float]:
    if not word or not cores:
        return -1, 0.0
    best: dict[int, float] = {}
    for name, _, _ in process.extract(word, list(cores), scorer=fuzz.ratio, score_cutoff=min_ratio,
                                      limit=None):  # fmt: skip
        if marks(name) == marks(word):
            ratio = min(fuzz.ratio(word, name), SAME - 1.0)
            for park in cores[name]:
                best[park] = max(best.get(park, 0.0), ratio)
    top = max(best.values(), default=0.0)
    leaders = [park for park, ratio in best.items() if ratio == top]
    return (leaders[0], top) if len(leaders) == 1 else (-1, 0.0)
