"""When weighted courses are dry, and quantiles of that."""

import numpy as np
from numpy.typing import NDArray

from winery_appliance.analysis_engine.forecasting.members import Members
from winery_appliance.analysis_engine.forecasting.must import Must

Numbers = NDArray[np.float64]
Sources = list[tuple[Members, float]]

LEVELS = (0.1, 0.5, 0.9)


def list_dry_hours(must: Must, sources: Sources) -> tuple[Numbers, Numbers]:
    """When each member of every source is dry, and its weight; never before the last reading says it is not."""
    hours = [must.clock.hours_at(members.warm_when(must.target)) for members, _ in sources]
    weight = [members.weight * heed for members, heed in sources]
    last = float(must.looked.hours[-1]) if len(must.looked.hours) else 0.0
    return np.maximum(np.concatenate(hours), last), np.concatenate(weight)


def take_quantiles(values: Numbers, weight: Numbers) -> Numbers:
    """The figures at `LEVELS`, between neighbours on a straight line as far as both are finite."""
    order = np.argsort(values, kind="stable")
    rising, summed = values[order], np.cumsum(weight[order]) - weight[order] / 2
    found = []
    for level in LEVELS:
        at = int(np.searchsorted(summed, level))
        low, high = rising[max(at - 1, 0)], rising[min(at, len(rising) - 1)]
        if not np.isfinite(high) or at == 0 or at == len(rising):
            found.append(float(high if at < len(rising) else low))
            continue
        between = (level - summed[at - 1]) / max(summed[at] - summed[at - 1], 1e-12)
        found.append(float(low + between * (high - low)))
    return np.array(found)
