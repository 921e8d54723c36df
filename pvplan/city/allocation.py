"""A goal of the city to its places, in proportion to a weight, whole kW, residual exactly zero."""

from __future__ import annotations

import numpy as np

from pvplan.tables import Floats


def proportional(target_kw: float, weight: Floats) -> Floats:
    """Split a target in whole kW in proportion to weights (largest remainder, Hamilton).

    Parameters
    ----------
    target_kw
        Target, kW; its fraction of a kW, if any, goes to the first place of the largest weight.
    weight
        Shape (places,), not negative. The order of places settles ties.

    Returns
    -------
    ndarray, shape (places,)
        kW; sums to the target. All missing where no place has weight or the target is missing.
    """
    total = weight.sum()
    if not total > 0.0 or np.isnan(target_kw):
        return np.full(len(weight), np.nan)
    whole = int(np.floor(target_kw))
    ideal = weight / total * whole
    share: Floats = np.floor(ideal)
    left = whole - int(share.sum())
    order = np.lexsort((np.arange(len(weight)), -(ideal - share)))
    share[order[:left]] += 1.0
    share[int(weight.argmax())] += target_kw - whole
    return share
