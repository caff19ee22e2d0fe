"""What people do with advice on the page of its wine. Every key works without script."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from winery_appliance.analysis_engine import advice
from winery_appliance.analysis_engine.advice_commands import DecideRecommendation, NoteOutcome
from winery_appliance.analysis_engine.advice_queries import RecommendationView
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.errors import Conflict, Invalid
from winery_appliance.core.words import say

blueprint = Blueprint("advice", __name__, url_prefix="/recommendations/<id:recommendation_id>")


@blueprint.post("/apply")
@permitted(Permission.HANDLE_ALARMS)
def apply(recommendation_id: int) -> ResponseReturnValue:
    """It was done."""
    return _change(recommendation_id, DecideRecommendation, {}, advice.apply_recommendation)


@blueprint.post("/dismiss")
@permitted(Permission.HANDLE_ALARMS)
def dismiss(recommendation_id: int) -> ResponseReturnValue:
    """It is not for this wine."""
    return _change(recommendation_id, DecideRecommendation, {}, advice.dismiss_recommendation)


@blueprint.post("/outcome")
@permitted(Permission.HANDLE_ALARMS)
def outcome(recommendation_id: int) -> ResponseReturnValue:
    """What came of it, as the key that was pressed says."""
    told = {"outcome": request.form.get("outcome", "")}
    return _change(recommendation_id, NoteOutcome, told, advice.note_outcome)


def _change(
    recommendation_id: int,
    kind: type[BaseModel],
    given: dict[str, Any],
    change: Callable[..., RecommendationView],
) -> ResponseReturnValue:
    actor = current_actor()
    wine: int | None = None
    try:
        with web.transaction(actor.winery_id) as session:
            command = web.parse(kind, given)
            wine = advice.find_wine(session, recommendation_id)
            change(session, recommendation_id, command, actor=actor, seen=None, now=clock.now())
    except (Conflict, Invalid) as error:
        flash(error.detail, "error")
    else:
        flash(say("It is in the book."))
    if wine is None:
        return redirect(url_for("alarms.inbox"), 303)
    return redirect(url_for("analysis.show", fermentation_id=wine) + "#advice", 303)
