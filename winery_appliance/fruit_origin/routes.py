"""Pages of vineyards, blocks and harvest lots: their lists, and one form that adds and changes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel
from sqlalchemy.orm import Session

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.errors import AppError, ChangedMeanwhile, Conflict
from winery_appliance.core.version_tags import make_tag
from winery_appliance.core.words import say
from winery_appliance.fruit_origin import commands, queries, service

blueprint = Blueprint("fruit_origin", __name__, template_folder="templates")


@dataclass(frozen=True)
class Sort:
    """One sort of row: what may be said of it, and the use cases around it. `timed` ones are told what time it is."""

    create: type[BaseModel]
    change: type[BaseModel]
    list_rows: Callable[..., Any]
    get_row: Callable[[Session, int], Any]
    add_row: Callable[..., Any]
    change_row: Callable[..., Any]
    delete_row: Callable[..., None]
    restore_row: Callable[..., Any]
    timed: bool = False


SORTS = {
    "vineyards": Sort(
        commands.CreateVineyard,
        commands.ChangeVineyard,
        queries.list_vineyards,
        service.get_vineyard,
        service.create_vineyard,
        service.change_vineyard,
        service.delete_vineyard,
        service.restore_vineyard,
    ),
    "vineyard-blocks": Sort(
        commands.CreateBlock,
        commands.ChangeBlock,
        queries.list_blocks,
        service.get_block,
        service.create_block,
        service.change_block,
        service.delete_block,
        service.restore_block,
    ),
    "harvest-lots": Sort(
        commands.CreateLot,
        commands.ChangeLot,
        queries.list_lots,
        service.get_lot,
        service.create_lot,
        service.change_lot,
        service.delete_lot,
        service.restore_lot,
        timed=True,
    ),
}
_NUMBERS = ("hectares", "kg_harvested", "brix_at_intake")
_ROWS_A_PAGE = 100


@permitted(Permission.READ_BOOK)
def show_rows(sort: str) -> ResponseReturnValue:
    """The rows of a sort; or those that were taken out."""
    deleted = request.args.get("deleted") == "true"
    with web.transaction(current_actor().winery_id) as session:
        page = SORTS[sort].list_rows(
            session, deleted=deleted, cursor=request.args.get("cursor"), limit=_ROWS_A_PAGE
        )
    return render_template(
        "fruit_origin/rows.html",
        sort=sort,
        rows=page.items,
        next_cursor=page.next_cursor,
        deleted=deleted,
        may_change=current_actor().may(Permission.CONFIGURE_CELLAR),
    )


@permitted(Permission.CONFIGURE_CELLAR)
def show_new(sort: str) -> ResponseReturnValue:
    """The form that adds a row."""
    return _show_form(sort, None, {}, None)


@permitted(Permission.CONFIGURE_CELLAR)
def add_row(sort: str) -> ResponseReturnValue:
    """Add what was typed."""
    actor, typed = current_actor(), request.form.to_dict()
    try:
        command = web.parse(SORTS[sort].create, _read(SORTS[sort].create, typed))
        with web.transaction(actor.winery_id) as session:
            made = SORTS[sort].add_row(session, command, actor=actor, **_now(sort))
    except AppError as error:
        return _show_form(sort, None, typed, error), 422
    flash(say("%(code)s is in the book.", code=made.view.code), "success")
    return redirect(url_for(".show_rows", sort=sort), 303)


@permitted(Permission.CONFIGURE_CELLAR)
def show_row(sort: str, row_id: int) -> ResponseReturnValue:
    """One row, to be changed."""
    with web.transaction(current_actor().winery_id) as session:
        found = SORTS[sort].get_row(session, row_id)
    values = {name: "" if value is None else str(value) for name, value in vars(found).items()}
    return _show_form(sort, found, values | {"version": make_tag(found)}, None)


@permitted(Permission.CONFIGURE_CELLAR)
def change_row(sort: str, row_id: int) -> ResponseReturnValue:
    """Keep what was typed, unless somebody changed the row since the form was opened."""
    actor, typed = current_actor(), request.form.to_dict()
    with web.transaction(actor.winery_id) as session:
        before = SORTS[sort].get_row(session, row_id)
    try:
        command = web.parse(SORTS[sort].change, _read(SORTS[sort].change, typed))
        with web.transaction(actor.winery_id) as session:
            after = SORTS[sort].change_row(
                session, row_id, command, actor=actor, seen=_seen(), **_now(sort)
            )
    except AppError as error:
        return _show_form(sort, before, typed, error), 422
    flash(say("%(code)s is saved.", code=after.code), "success")
    return redirect(url_for(".show_rows", sort=sort), 303)


@permitted(Permission.CONFIGURE_CELLAR)
def delete_row(sort: str, row_id: int) -> ResponseReturnValue:
    """Take a row out of use; it can be restored."""
    actor = current_actor()
    try:
        with web.transaction(actor.winery_id) as session:
            SORTS[sort].delete_row(session, row_id, actor=actor, seen=_seen())
    except (ChangedMeanwhile, Conflict) as error:
        flash(error.detail, "error")
        return redirect(url_for(".show_row", sort=sort, row_id=row_id), 303)
    return redirect(url_for(".show_rows", sort=sort, deleted="true"), 303)


@permitted(Permission.CONFIGURE_CELLAR)
def restore_row(sort: str, row_id: int) -> ResponseReturnValue:
    """Bring a row back that was taken out."""
    actor = current_actor()
    try:
        with web.transaction(actor.winery_id) as session:
            SORTS[sort].restore_row(session, row_id, actor=actor)
    except Conflict as error:
        flash(error.detail, "error")
        return redirect(url_for(".show_rows", sort=sort, deleted="true"), 303)
    return redirect(url_for(".show_rows", sort=sort), 303)


for _sort in SORTS:
    for _rule, _view, _method in (
        ("", show_rows, "GET"),
        ("/new", show_new, "GET"),
        ("/new", add_row, "POST"),
        ("/<id:row_id>", show_row, "GET"),
        ("/<id:row_id>", change_row, "POST"),
        ("/<id:row_id>/delete", delete_row, "POST"),
        ("/<id:row_id>/restore", restore_row, "POST"),
    ):
        blueprint.add_url_rule(
            f"/{_sort}{_rule}", view_func=_view, methods=[_method], defaults={"sort": _sort}
        )


def _now(sort: str) -> dict[str, Any]:
    return {"now": clock.now()} if SORTS[sort].timed else {}


def _seen() -> set[str]:
    return {request.form.get("version", "")}


def _read(kind: type[BaseModel], typed: dict[str, str]) -> dict[str, str | int | None]:
    """What was typed as a body: an empty field is no value; numbers are typed with a comma as well."""
    body: dict[str, str | int | None] = {}
    for name in kind.model_fields:
        text = typed.get(name, "").strip()
        if name in _NUMBERS:
            text = text.replace(",", ".")
        body[name] = text or None
        if name == "planted_year" and text.isdecimal() and len(text) < 5:
            body[name] = int(text)
    return body


def _show_form(sort: str, row: Any, values: dict[str, str], error: AppError | None) -> str:
    faults = {field.path: field.detail for field in error.fields} if error else {}
    said = None if error is None or faults else error.detail
    kind = SORTS[sort].change if row else SORTS[sort].create
    needed = {name for name, field in SORTS[sort].create.model_fields.items() if field.is_required()}  # fmt: skip
    with web.transaction(current_actor().winery_id) as session:
        vineyards = queries.list_vineyards(session, limit=commands.MOST_ROWS).items
        blocks = queries.list_blocks(session, limit=commands.MOST_ROWS).items
    return render_template(
        "fruit_origin/row.html",
        sort=sort,
        row=row,
        form={"values": values, "errors": faults, "error": said},
        fields=list(kind.model_fields),
        needed=needed,
        lists={
            "vineyard_code": [one.code for one in vineyards],
            "block_code": sorted({one.code for one in blocks}),
            "variety": sorted({one.variety for one in blocks if one.variety}),
        },
    )
