"""What happened to fermentations."""

from dataclasses import dataclass

from winery_appliance.core.outbox import Event


@dataclass(frozen=True)
class FermentationEvent(Event):
    """Something happened to one fermentation."""

    fermentation_id: int

    @property
    def subject(self) -> str:
        """Events of one fermentation are handled together."""
        return subject_of(self.fermentation_id)


@dataclass(frozen=True)
class FermentationPlanned(FermentationEvent):
    """A wine is to ferment."""


@dataclass(frozen=True)
class FermentationStarted(FermentationEvent):
    """A wine began to ferment."""


@dataclass(frozen=True)
class FermentationCompleted(FermentationEvent):
    """A fermentation came to its end."""


@dataclass(frozen=True)
class FermentationReopened(FermentationEvent):
    """A fermentation that had ended goes on: its end was withdrawn."""


@dataclass(frozen=True)
class FermentationCancelled(FermentationEvent):
    """A fermentation was given up, or had been entered by mistake."""


@dataclass(frozen=True)
class FermentationChanged(FermentationEvent):
    """What is said of a fermentation was put right."""


@dataclass(frozen=True)
class FermentationDeleted(FermentationEvent):
    """A fermentation was taken out of the book."""


@dataclass(frozen=True)
class FermentationRestored(FermentationEvent):
    """A fermentation that had been taken out of the book is back."""


@dataclass(frozen=True)
class FermentationPhaseChanged(FermentationEvent):
    """The alcoholic or the malolactic fermentation of a wine began, ended, or was put right."""

    phase: str


@dataclass(frozen=True)
class FermentationMoved(FermentationEvent):
    """A wine went to other vessels."""

    transfer_id: int


@dataclass(frozen=True)
class FermentationSplit(FermentationEvent):
    """A part of a wine became a wine of its own."""

    transfer_id: int


@dataclass(frozen=True)
class FermentationBlended(FermentationEvent):
    """A wine went into another, or took another in."""

    transfer_id: int


@dataclass(frozen=True)
class TransferVoided(FermentationEvent):
    """What was told of where a wine went does not count any more."""

    transfer_id: int


@dataclass(frozen=True)
class SampleRecorded(FermentationEvent):
    """A reading came into the book."""

    sample_id: int


@dataclass(frozen=True)
class SampleCorrected(FermentationEvent):
    """A reading took the place of an earlier one."""

    sample_id: int
    supersedes_id: int


@dataclass(frozen=True)
class SampleVoided(FermentationEvent):
    """A reading does not count any more."""

    sample_id: int


def subject_of(fermentation_id: int) -> str:
    """The outbox subject of a fermentation."""
    return f"fermentation:{fermentation_id}"
