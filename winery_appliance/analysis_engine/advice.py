"""Use cases of advice: the winery writes its own templates, takes recommendations up or not, and says what came of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.advice_commands import (
    ChangeTemplate,
    CreateTemplate,
    DecideRecommendation,
    NoteOutcome,
    RecommendationStatus,
)
from winery_appliance.analysis_engine.advice_queries import (
    RecommendationView,
    TemplateView,
    find_recommendation,
    find_template,
)
from winery_appliance.analysis_engine.advice_templates import Condition
from winery_appliance.analysis_engine.checks import find_checks
from winery_appliance.analysis_engine.events import (
    RecommendationApplied,
    RecommendationDismissed,
    RecommendationOutcomeNoted,
    TemplateChanged,
    TemplateCreated,
    TemplateDeleted,
    TemplateRestored,
)
from winery_appliance.analysis_engine.models import (
    Anomaly,
    Recommendation,
    RecommendationTemplate,
)
from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.core import outbox
from winery_appliance.core.errors import Conflict, FieldFault, NotFound, refuse_field
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.core.words import say

Seen = Collection[str] | None


@dataclass(frozen=True)
class CreatedTemplate:
    """What is in the book, and whether this call put it there or an earlier one with the same content did."""

    view: TemplateView
    created: bool


def create_template(session: Session, command: CreateTemplate, *, actor: Actor) -> CreatedTemplate:
    """Add a template; the same again finds the first.

    Raises NotAllowed, Invalid for an unknown type of anomaly or a dose that is named and not reckoned, and Conflict when
    there is another one of this type and code.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    if command.anomaly_type not in {check.id for check in find_checks()}:
        raise refuse_field("anomaly_type", "unknown", say("There is no check of this name."))
    _refuse_unreckoned(command.dose, [command.action, *command.instructions, command.reasoning])
    values = {"winery_id": actor.winery_id, **_as_columns(command.model_dump())}
    table = RecommendationTemplate
    added = session.scalar(
        insert(table)
        .values(**values, created_by=actor.user_id)
        .on_conflict_do_nothing()
        .returning(table.id)
    )
    if added is not None:
        outbox.publish(session, TemplateCreated(actor.winery_id, added))
        return CreatedTemplate(get_template(session, added), True)
    same = [getattr(table, name).is_not_distinct_from(value) for name, value in values.items()]
    earlier = session.scalar(select(table.id).where(*same, table.deleted_at.is_(None)))
    if earlier is None:
        raise _taken(command.code)
    return CreatedTemplate(get_template(session, earlier), False)


def get_template(session: Session, template_id: int) -> TemplateView:
    """The template. Raises NotFound, also for one that is deleted or another winery's."""
    found = find_template(session, template_id)
    if found is None:
        raise NotFound(say("There is no such template in this winery."))
    return found


def change_template(
    session: Session, template_id: int, command: ChangeTemplate, *, actor: Actor, seen: Seen
) -> TemplateView:
    """Change a template.

    Raises NotAllowed, NotFound, ChangedMeanwhile, and Invalid for a dose that is named and not reckoned.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    row = _hold_template(session, template_id)
    refuse_stale(get_template(session, template_id), seen)
    for name, value in _as_columns(command.model_dump(exclude_unset=True)).items():
        setattr(row, name, value)
    _refuse_unreckoned(row.dose, [row.action, *row.instructions, row.reasoning])
    session.flush()
    outbox.publish(session, TemplateChanged(actor.winery_id, template_id))
    return get_template(session, template_id)


def delete_template(session: Session, template_id: int, *, actor: Actor, seen: Seen) -> None:
    """Take a template out of use; a built-in one that it replaced speaks again.

    Raises NotAllowed, NotFound, ChangedMeanwhile.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    row = _hold_template(session, template_id)
    refuse_stale(get_template(session, template_id), seen)
    row.deleted_at = func.now()
    session.flush()
    outbox.publish(session, TemplateDeleted(actor.winery_id, template_id))


def restore_template(session: Session, template_id: int, *, actor: Actor) -> TemplateView:
    """Bring a deleted template back; one that is not deleted stays as it is.

    Raises NotAllowed, NotFound, or Conflict when there is another one of its type and code by now.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    row = _hold_template(session, template_id, also_deleted=True)
    if row.deleted_at is not None:
        code = row.code
        row.deleted_at = None
        try:
            session.flush()
        except IntegrityError as error:
            raise _taken(code) from error
        outbox.publish(session, TemplateRestored(actor.winery_id, template_id))
    return get_template(session, template_id)


def get_recommendation(session: Session, recommendation_id: int) -> RecommendationView:
    """The recommendation. Raises NotFound, also for one of another winery."""
    found = find_recommendation(session, recommendation_id)
    if found is None:
        raise NotFound(say("There is no such recommendation in this winery."))
    return found


def find_wine(session: Session, recommendation_id: int) -> int:
    """The fermentation that a recommendation is about. Raises NotFound."""
    found = get_recommendation(session, recommendation_id)
    return session.get_one(Anomaly, found.anomaly_id).fermentation_id


def apply_recommendation(
    session: Session,
    recommendation_id: int,
    command: DecideRecommendation,
    *,
    actor: Actor,
    seen: Seen,
    now: datetime,
) -> RecommendationView:
    """Say that it was done; from then on its text stays as it was. Said again, nothing changes.

    Raises NotAllowed, NotFound, ChangedMeanwhile.
    """
    return _decide(session, recommendation_id, "applied", command, actor, seen, now)


def dismiss_recommendation(
    session: Session,
    recommendation_id: int,
    command: DecideRecommendation,
    *,
    actor: Actor,
    seen: Seen,
    now: datetime,
) -> RecommendationView:
    """Say that it is not for this wine. Said again, nothing changes.

    Raises NotAllowed, NotFound, ChangedMeanwhile, and Conflict once an outcome is noted.
    """
    return _decide(session, recommendation_id, "dismissed", command, actor, seen, now)


def _decide(
    session: Session,
    recommendation_id: int,
    status: RecommendationStatus,
    command: DecideRecommendation,
    actor: Actor,
    seen: Seen,
    now: datetime,
) -> RecommendationView:
    row, found = _hold(session, recommendation_id, actor, seen)
    if found.status == status:
        return found
    if found.outcome is not None:
        raise Conflict(
            say("It was done, and its outcome is noted. Nothing was saved."), code="outcome_noted"
        )
    row.status, row.decided_at, row.decided_by = status, now, actor.user_id
    row.decision_note = command.note
    event = RecommendationApplied if status == "applied" else RecommendationDismissed
    outbox.publish(session, event(actor.winery_id, recommendation_id))
    session.flush()
    return get_recommendation(session, recommendation_id)


def note_outcome(
    session: Session,
    recommendation_id: int,
    command: NoteOutcome,
    *,
    actor: Actor,
    seen: Seen,
    now: datetime,
) -> RecommendationView:
    """Say what came of it; the next advice of the same template is weighed with it. It can be put right.

    Raises NotAllowed, NotFound, ChangedMeanwhile, and Conflict when it was not done.
    """
    row, found = _hold(session, recommendation_id, actor, seen)
    if found.status != "applied":
        raise Conflict(
            say("Say first that it was done. Nothing was saved."), code="recommendation_not_applied"
        )
    if (found.outcome, found.outcome_note) == (command.outcome, command.note):
        return found
    row.outcome, row.outcome_note = command.outcome, command.note
    row.outcome_at, row.outcome_by = now, actor.user_id
    outbox.publish(session, RecommendationOutcomeNoted(actor.winery_id, recommendation_id))
    session.flush()
    return get_recommendation(session, recommendation_id)


def _hold(
    session: Session, recommendation_id: int, actor: Actor, seen: Seen
) -> tuple[Recommendation, RecommendationView]:
    require(actor, Permission.HANDLE_ALARMS)
    wanted = select(Recommendation).where(Recommendation.id == recommendation_id)
    row = session.scalar(wanted.with_for_update())
    if row is None:
        raise NotFound(say("There is no such recommendation in this winery."))
    found = get_recommendation(session, recommendation_id)
    refuse_stale(found, seen)
    return row, found


def _hold_template(
    session: Session, template_id: int, *, also_deleted: bool = False
) -> RecommendationTemplate:
    table = RecommendationTemplate
    row = session.scalar(select(table).where(table.id == template_id).with_for_update())
    if row is None or (row.deleted_at is not None and not also_deleted):
        raise NotFound(say("There is no such template in this winery."))
    return row


def _as_columns(values: dict[str, Any]) -> dict[str, Any]:
    """A command's values as columns hold them."""
    if "instructions" in values:
        values["instructions"] = list(values["instructions"])
    # What a condition does not say is stored as it is meant, also in a change.
    for name, said in values.get("conditions", {}).items():
        whole = Condition.model_validate(said).model_dump()
        values["conditions"][name] = whole | {"one_of": list(whole["one_of"])}
    return values


def _refuse_unreckoned(dose: str | None, texts: Collection[str]) -> None:
    if dose is None and any("{dose}" in text for text in texts):
        raise refuse_field(
            "dose", "needed", say("The text names a dose; say which one is to be reckoned.")
        )


def _taken(code: str) -> Conflict:
    return Conflict(
        say(
            "There is a template %(code)s for this type of anomaly already. Nothing was saved.",
            code=code,
        ),
        code="code_taken",
        fields=[FieldFault("code", "taken", say("Already in use."))],
    )
