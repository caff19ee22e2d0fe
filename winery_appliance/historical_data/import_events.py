"""What happened to imports."""

from dataclasses import dataclass

from winery_appliance.core.outbox import Event
from winery_appliance.fermentation.events import FermentationEvent


@dataclass(frozen=True)
class ImportEvent(Event):
    """Something happened to one import."""

    import_id: int

    @property
    def subject(self) -> str:
        """Events of one import are handled together."""
        return f"import:{self.import_id}"


@dataclass(frozen=True)
class ImportReceived(ImportEvent):
    """A file is here as a whole and waits to be read, for the first time or with new answers."""


@dataclass(frozen=True)
class ImportConfirmed(ImportEvent):
    """A person said that what a file brings is to be saved."""


@dataclass(frozen=True)
class ImportSaved(ImportEvent):
    """All that could be saved of a file is in the book."""


@dataclass(frozen=True)
class ImportUndone(ImportEvent):
    """A person said that what a file brought is to be taken out of the book again."""


@dataclass(frozen=True)
class FermentationImportUndone(FermentationEvent):
    """What an import brought to a fermentation counts no more."""

    import_id: int
