"""A reading that fits in another unit of the same instrument: SG, °Oe or °Bé for °Bx, °F for °C."""

from typing import ClassVar

from winery_appliance.analysis_engine.checks.entry_error import EntryError
from winery_appliance.core.words import N_


class UnitMixup(EntryError):
    """Asks about the newest reading that was meant in another unit."""

    id: ClassVar[str] = "unit_mixup"
    title: ClassVar[str] = N_("Wrong unit")
    other_unit: ClassVar[bool] = True
    about: ClassVar[str] = N_(
        "Hydrometers carry two scales and thermometers two units. A value that cannot be right as "
        "it stands, and is right in another unit of the instrument, is asked about with the value "
        "that was meant. Until somebody answers it draws no curve; what was typed is kept."
    )
    clears: ClassVar[str] = N_("the reading is corrected or confirmed")
    sources: ClassVar[str] = "definitions of the scales; the limits are house defaults"
