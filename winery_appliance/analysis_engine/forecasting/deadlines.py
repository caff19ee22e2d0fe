"""When a ferment should be dry, where nobody has said otherwise."""

from winery_appliance.analysis_engine.measurements import Ferment

IN_TIME_H = {"red": 16 * 24.0, "orange": 16 * 24.0, "white": 32 * 24.0, "rose": 32 * 24.0}


def find_deadline(ferment: Ferment) -> float:
    """Hours from the start by which `ferment` should be dry: as it was set, else the usual of its style."""
    return ferment.in_time_h or IN_TIME_H.get(ferment.style, IN_TIME_H["white"])
