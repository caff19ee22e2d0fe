"""From a reading a minute to a sample an hour. Pure: readings and stays come in as plain data."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from winery_appliance.core.units import SampleType
from winery_appliance.fermentation.device_samples import HourMedian, SampleKey, begin_hour


@dataclass(frozen=True)
class Stay:
    """A device hung in this wine from `since` until before `until`; None is until further notice."""

    fermentation_id: int
    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class Taken:
    """One value that a device read, in the canonical unit of its quantity."""

    sample_type: SampleType
    read_at: datetime
    value: float


def find_medians(readings: Iterable[Taken], stays: Sequence[Stay]) -> dict[SampleKey, HourMedian]:
    """The median of each hour, quantity and wine; of an hour in two wines, each has the readings of its own part.

    A median, since a probe that is knocked or rinsed reads wild for minutes. Readings while the device hung in no wine
    count for none.
    """
    groups: dict[SampleKey, list[Taken]] = {}
    for reading in readings:
        for stay in stays:
            if stay.since <= reading.read_at and (
                stay.until is None or reading.read_at < stay.until
            ):
                key = SampleKey(
                    stay.fermentation_id, reading.sample_type, begin_hour(reading.read_at)
                )
                groups.setdefault(key, []).append(reading)
    return {
        key: HourMedian(
            median(reading.value for reading in group), max(reading.read_at for reading in group)
        )
        for key, group in groups.items()
    }
