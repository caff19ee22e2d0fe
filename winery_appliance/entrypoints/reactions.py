"""Every consequence of every event, in one table."""

from winery_appliance.analysis_engine.handlers import analyse_fermentation
from winery_appliance.cellar_work.events import (
    AdditionCorrected,
    AdditionRecorded,
    AdditionVoided,
    CapWorkCorrected,
    CapWorkRecorded,
    CapWorkVoided,
    NoteDeleted,
    NoteRestored,
    NoteWritten,
)
from winery_appliance.core.outbox import Reactions
from winery_appliance.devices.events import (
    DeviceAdded,
    DeviceAssigned,
    DeviceChanged,
    DeviceReadingsReceived,
)
from winery_appliance.fermentation.events import (
    FermentationBlended,
    FermentationCancelled,
    FermentationChanged,
    FermentationCompleted,
    FermentationMoved,
    FermentationReopened,
    FermentationSplit,
    FermentationStarted,
    SampleCorrected,
    SampleRecorded,
    SampleVoided,
    TransferVoided,
)
from winery_appliance.winery.events import WalkingOrderChanged, WineryChanged

REACTIONS: Reactions = {
    FermentationStarted: [],
    FermentationCompleted: [analyse_fermentation],
    FermentationReopened: [analyse_fermentation],
    FermentationCancelled: [analyse_fermentation],
    FermentationChanged: [analyse_fermentation],
    FermentationMoved: [],
    FermentationSplit: [],
    FermentationBlended: [],
    TransferVoided: [],
    SampleRecorded: [analyse_fermentation],
    SampleCorrected: [analyse_fermentation],
    SampleVoided: [analyse_fermentation],
    WineryChanged: [],
    WalkingOrderChanged: [],
    AdditionRecorded: [],
    AdditionCorrected: [],
    AdditionVoided: [],
    CapWorkRecorded: [],
    CapWorkCorrected: [],
    CapWorkVoided: [],
    DeviceAdded: [],
    DeviceChanged: [],
    DeviceAssigned: [],
    DeviceReadingsReceived: [],
    NoteWritten: [],
    NoteDeleted: [],
    NoteRestored: [],
}
