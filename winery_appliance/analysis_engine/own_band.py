"""The winery's own past behind a curve: how ferments like this one went, by their age."""

from typing import Any

from sqlalchemy.orm import Session

from winery_appliance.core.units import SampleType, Unit, from_canonical
from winery_appliance.fermentation.queries import FermentationView
from winery_appliance.historical_data.pattern_queries import find_usual_course
from winery_appliance.historical_data.varietal_queries import name_varietals

# A band of fewer ferments would be one of them with a margin (house default).
FEWEST = 4


def find_own_band(session: Session, ferment: FermentationView, unit: Unit) -> dict[str, Any] | None:
    """Moments of this ferment with the 10, 25, 50, 75 and 90 % quantiles of sugar that past ones had at the same age.

    Of the patterns of its variety and style the one with the most ferments behind it; None when there is none.
    """
    variety = name_varietals(session, [ferment.id])[ferment.id]
    found = find_usual_course(session, variety or "", ferment.style, fewest=FEWEST)
    if found is None:
        return None
    ferments, table = found
    begun = ferment.started_at.timestamp()
    points = [
        [
            begun + hours * 3600,
            *(round(from_canonical(SampleType.sugar, density, unit), 3) for density in row),
        ]
        for hours, *row in zip(table["hours"], *table["sugar"], strict=True)
        if None not in row
    ]
    return {"ferments": ferments, "points": points} if points else None
