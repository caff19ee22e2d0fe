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
    TaskCancelled,
    TaskChanged,
    TaskDone,
    TaskPlanned,
    TaskSkipped,
)
from winery_appliance.core.outbox import Reactions
from winery_appliance.devices.events import (
    DeviceAdded,
    DeviceAssigned,
    DeviceChanged,
    DeviceReadingsReceived,
)
from winery_appliance.devices.handlers import sample_devices_anew
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
    FermentationStarted: [sample_devices_anew],
    FermentationCompleted: [analyse_fermentation, sample_devices_anew],
    FermentationReopened: [analyse_fermentation, sample_devices_anew],
    FermentationCancelled: [analyse_fermentation, sample_devices_anew],
    FermentationChanged: [analyse_fermentation, sample_devices_anew],
    FermentationMoved: [sample_devices_anew],
    FermentationSplit: [sample_devices_anew],
    FermentationBlended: [sample_devices_anew],
    TransferVoided: [sample_devices_anew],
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
    TaskPlanned: [],
    TaskChanged: [],
    TaskDone: [],
    TaskSkipped: [],
    TaskCancelled: [],
}
