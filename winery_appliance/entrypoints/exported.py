"""Everything that an export of the book holds beside the readings, in one table: what each list is called, as which answer
of the API its rows are told, and where they are read.

Not in it are what is computed anew at any time (analyses, patterns, past readings), the readings of probes, of which the
hourly samples are in it, and secrets.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.advice_commands import ListRecommendations
from winery_appliance.analysis_engine.advice_queries import list_recommendations
from winery_appliance.analysis_engine.anomaly_queries import list_anomalies
from winery_appliance.analysis_engine.answers import AnomalyAnswer, RecommendationAnswer
from winery_appliance.auth.queries import list_people_names
from winery_appliance.cellar_work.answers import (
    AdditionAnswer,
    CapWorkAnswer,
    NoteAnswer,
    TaskAnswer,
)
from winery_appliance.cellar_work.note_queries import list_notes
from winery_appliance.cellar_work.queries import list_additions, list_cap_work
from winery_appliance.cellar_work.task_queries import list_tasks
from winery_appliance.core import clock
from winery_appliance.core.openapi import Answer
from winery_appliance.core.paging import Page
from winery_appliance.fermentation.answers import (
    FermentationAnswer,
    SampleAnswer,
    TransferAnswer,
)
from winery_appliance.fermentation.commands import ListTransfers
from winery_appliance.fermentation.queries import list_fermentations, list_samples
from winery_appliance.fermentation.transfer_queries import list_transfers
from winery_appliance.fruit_origin.answers import BlockAnswer, LotAnswer, VineyardAnswer
from winery_appliance.fruit_origin.queries import list_blocks, list_lots, list_vineyards
from winery_appliance.historical_data.export_files import name_photo
from winery_appliance.historical_data.exporting import Table
from winery_appliance.winery.answers import VesselAnswer, WineryAnswer
from winery_appliance.winery.queries import list_vessels, read_winery

AT_ONCE = 1000

ListPage = Callable[..., Page[Any]]


def _tell(name: str, answer: type[Answer], read: Callable[[Session], Iterable[Any]]) -> Table:
    """What the API answers of each thing, as a table."""
    columns = list(answer.model_fields)

    def rows(session: Session) -> Iterator[Sequence[object]]:
        for view in read(session):
            told = answer.show(view)
            yield [told[column] for column in columns]

    return Table(name, columns, rows)


def _read_all(list_page: ListPage) -> Iterator[Any]:
    """Every page of a list that takes a cursor."""
    cursor: str | None = None
    while True:
        page = list_page(cursor=cursor, limit=AT_ONCE)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _with_deleted(list_page: ListPage) -> Callable[[Session], Iterator[Any]]:
    return lambda session: chain.from_iterable(
        _read_all(partial(list_page, session, deleted=deleted)) for deleted in (False, True)
    )


def _with_history(list_page: ListPage) -> Callable[[Session], Iterator[Any]]:
    """Of every fermentation, also what was superseded and voided."""
    return lambda session: _read_all(partial(list_page, session, None, history=True))


def _asked(list_page: ListPage, command: type[Any]) -> Callable[[Session], Iterator[Any]]:
    """Where the page wanted is told as it is by the query of an address."""
    return lambda session: _read_all(
        lambda cursor, limit: list_page(session, command(cursor=cursor, limit=str(limit)))
    )


def _list_anomalies(session: Session) -> Iterator[Any]:
    ask = partial(list_anomalies, session, now=clock.now())
    return chain(_read_all(ask), _read_all(partial(ask, status="cleared")))


def _list_people(session: Session) -> Iterator[Sequence[object]]:
    for user_id, name, role, removed_at in list_people_names(session):
        yield user_id, name, role, removed_at and removed_at.isoformat()


def _list_shares(session: Session) -> Iterator[Sequence[object]]:
    for wine in _with_deleted(list_fermentations)(session):
        for share in wine.lot_sources:
            percentage, kg = float(share.percentage), None if share.kg is None else float(share.kg)
            yield wine.id, wine.code, share.harvest_lot_id, share.harvest_lot_code, percentage, kg


def _list_notes(session: Session) -> Iterator[Sequence[object]]:
    for note in _read_notes(session):
        told = NoteAnswer.show(note)
        photo = name_photo(note.id) if note.photo else None
        yield [*(told[column] for column in _NOTE), photo]


def _read_notes(session: Session) -> Iterator[Any]:
    return chain.from_iterable(
        _read_all(partial(list_notes, session, None, deleted=deleted)) for deleted in (False, True)
    )


_NOTE = [column for column in NoteAnswer.model_fields if column != "photo"]
_SHARE = ["fermentation_id", "fermentation_code", "harvest_lot_id", "harvest_lot_code"]

EXPORTED: tuple[Table, ...] = (
    _tell("winery", WineryAnswer, lambda session: [read_winery(session)]),
    Table("people", ["id", "display_name", "role", "removed_at"], _list_people),
    _tell("vineyards", VineyardAnswer, _with_deleted(list_vineyards)),
    _tell("blocks", BlockAnswer, _with_deleted(list_blocks)),
    _tell("harvest_lots", LotAnswer, _with_deleted(list_lots)),
    _tell("vessels", VesselAnswer, lambda session: list_vessels(session, deleted=None)),
    _tell("fermentations", FermentationAnswer, _with_deleted(list_fermentations)),
    Table("lot_shares", [*_SHARE, "percentage", "kg"], _list_shares),
    _tell("samples", SampleAnswer, _with_history(list_samples)),
    _tell("additions", AdditionAnswer, _with_history(list_additions)),
    _tell("cap_work", CapWorkAnswer, _with_history(list_cap_work)),
    _tell("transfers", TransferAnswer, _asked(list_transfers, ListTransfers)),
    Table("notes", [*_NOTE, "photo"], _list_notes),
    _tell("tasks", TaskAnswer, lambda session: _read_all(partial(list_tasks, session))),
    _tell("anomalies", AnomalyAnswer, _list_anomalies),
    _tell("recommendations", RecommendationAnswer, _asked(list_recommendations, ListRecommendations)),
)  # fmt: skip
