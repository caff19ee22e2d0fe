"""Where the copies' notes lie for a process that does not copy."""

from winery_appliance.core.settings import Settings


def find_copies(settings: Settings) -> Settings:
    """The settings by which the notes of the copies are read: of this data directory, or of the one named for it."""
    return settings.model_copy(update={"data": settings.copies}) if settings.copies else settings
