"""Every consequence of every event, in one table."""

from winery_appliance.analysis_engine.events import (
    AnomalyAcknowledged,
    AnomalyAssigned,
    AnomalyCleared,
    AnomalyOpened,
    AnomalyReopened,
    AnomalySnoozed,
    FermentationFellSilent,
)
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
    FermentationPhaseChanged,
    FermentationReopened,
    FermentationSplit,
    FermentationStarted,
    SampleCorrected,
    SampleRecorded,
    SampleVoided,
    TransferVoided,
)
from winery_appliance.fruit_origin.events import LotChanged
from winery_appliance.historical_data.events import HistoryOutdated
from winery_appliance.historical_data.handlers import name_history_anew, record_history
from winery_appliance.winery.events import WalkingOrderChanged, WineryChanged

# History comes first: its writers wait for each other, and none of them may hold something that another needs.
REACTIONS: Reactions = {
    FermentationStarted: [record_history, sample_devices_anew],
    FermentationCompleted: [record_history, analyse_fermentation, sample_devices_anew],
    FermentationReopened: [record_history, analyse_fermentation, sample_devices_anew],
    FermentationCancelled: [record_history, analyse_fermentation, sample_devices_anew],
    FermentationChanged: [record_history, analyse_fermentation, sample_devices_anew],
    FermentationMoved: [record_history, analyse_fermentation, sample_devices_anew],
    FermentationPhaseChanged: [record_history],
    FermentationSplit: [record_history, analyse_fermentation, sample_devices_anew],
    FermentationBlended: [record_history, analyse_fermentation, sample_devices_anew],
    TransferVoided: [record_history, analyse_fermentation, sample_devices_anew],
    SampleRecorded: [record_history, analyse_fermentation],
    SampleCorrected: [record_history, analyse_fermentation],
    SampleVoided: [record_history, analyse_fermentation],
    HistoryOutdated: [record_history],
    LotChanged: [name_history_anew],
    WineryChanged: [],
    WalkingOrderChanged: [],
    AdditionRecorded: [analyse_fermentation],
    AdditionCorrected: [analyse_fermentation],
    AdditionVoided: [analyse_fermentation],
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
    FermentationFellSilent: [analyse_fermentation],
    AnomalyOpened: [],
    AnomalyCleared: [],
    AnomalyAcknowledged: [],
    AnomalyAssigned: [],
    AnomalySnoozed: [],
    AnomalyReopened: [],
}
