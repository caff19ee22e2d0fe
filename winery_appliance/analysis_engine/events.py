"""What became of anomalies, and what the engine itself notices."""

from dataclasses import dataclass

from winery_appliance.core.outbox import Event
from winery_appliance.fermentation.events import FermentationEvent


@dataclass(frozen=True)
class FermentationFellSilent(FermentationEvent):
    """A wine that ferments was not read for so long that it is judged anew without a reading."""


@dataclass(frozen=True)
class AnomalyChanged(Event):
    """Something became of one anomaly."""

    anomaly_id: int

    @property
    def subject(self) -> str:
        """Events of one anomaly are handled together."""
        return f"anomaly:{self.anomaly_id}"


@dataclass(frozen=True)
class AnomalyOpened(AnomalyChanged):
    """A trouble was found."""


@dataclass(frozen=True)
class AnomalyWorsened(AnomalyChanged):
    """A trouble that stood open is graver than before."""


@dataclass(frozen=True)
class AnomalyCleared(AnomalyChanged):
    """A trouble was over by itself."""


@dataclass(frozen=True)
class AnomalyAcknowledged(AnomalyChanged):
    """Somebody has it."""


@dataclass(frozen=True)
class AnomalyAssigned(AnomalyChanged):
    """Somebody is to see to it, or nobody any more."""


@dataclass(frozen=True)
class AnomalySnoozed(AnomalyChanged):
    """Nobody wants to hear of it until a moment."""


@dataclass(frozen=True)
class AnomalyReopened(AnomalyChanged):
    """It asks for somebody again."""


@dataclass(frozen=True)
class RecommendationChanged(Event):
    """Somebody decided about a recommendation."""

    recommendation_id: int

    @property
    def subject(self) -> str:
        """Events of one recommendation are handled together."""
        return f"recommendation:{self.recommendation_id}"


@dataclass(frozen=True)
class RecommendationApplied(RecommendationChanged):
    """It was done."""


@dataclass(frozen=True)
class RecommendationDismissed(RecommendationChanged):
    """It is not for this wine."""


@dataclass(frozen=True)
class RecommendationOutcomeNoted(RecommendationChanged):
    """Somebody said what came of it."""


@dataclass(frozen=True)
class TemplateEvent(Event):
    """The winery's own advice changed."""

    template_id: int

    @property
    def subject(self) -> str:
        """Events of one template are handled together."""
        return f"recommendation_template:{self.template_id}"


@dataclass(frozen=True)
class TemplateCreated(TemplateEvent):
    """A template was written."""


@dataclass(frozen=True)
class TemplateDeleted(TemplateEvent):
    """A template was taken out of use."""


@dataclass(frozen=True)
class TemplateRestored(TemplateEvent):
    """A deleted template came back."""


@dataclass(frozen=True)
class TemplateChanged(TemplateEvent):
    """A template says something else."""


@dataclass(frozen=True)
class RuleChanged(FermentationEvent):
    """A rule that a running wine is judged by was switched, or its limits moved."""


@dataclass(frozen=True)
class WordsChanged(FermentationEvent):
    """The winery speaks another language: what stands about a running wine is to be told in it."""


@dataclass(frozen=True)
class ReplayAsked(Event):
    """Somebody wants to know what rules would have said of a past vintage."""

    replay_id: int

    @property
    def subject(self) -> str:
        """Replays are looked at one by one."""
        return f"replay:{self.replay_id}"
