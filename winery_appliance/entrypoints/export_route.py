"""The export as a download, for the button and for programs: streamed, as of one moment."""

from collections.abc import Iterator
from typing import Literal

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.cellar_work.note_queries import read_photos
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import describes
from winery_appliance.entrypoints.exported import EXPORTED
from winery_appliance.historical_data.export_files import MEDIA, export_book
from winery_appliance.winery.queries import read_winery

blueprint = Blueprint("export_api", __name__, url_prefix="/api/v1/export")


class ExportBook(BaseModel):
    """How the book is wanted: `csv` the readings, `json` and `xlsx` everything, `zip` everything as CSV with the photos."""

    format: Literal["csv", "json", "xlsx", "zip"] = "json"


@blueprint.get("")
@describes({200: None}, query=ExportBook, media=[*MEDIA.values()])
@permitted(Permission.EXPORT_BOOK)
def export() -> ResponseReturnValue:
    """The book of the winery as one file, which our own import reads back as far as wines, their fruit and readings go.

    A download that breaks off is incomplete; it ends without its last piece.
    """
    kind = web.read_query(ExportBook).format
    winery_id = current_actor().winery_id
    with web.transaction(winery_id) as session:
        code = read_winery(session).code
    opening = web.reading(winery_id, one_moment=True)

    def stream() -> Iterator[bytes]:
        with opening as session:
            yield from export_book(session, kind, EXPORTED, read_photos)

    response = Response(stream(), mimetype=MEDIA[kind])
    name = "".join(sign for sign in code if sign.isascii() and (sign.isalnum() or sign in "-_"))
    day = clock.now().date().isoformat()
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{day}.{kind}"'
    return response
