"""The first page's other choice: the winery that is in the copies instead of an empty book.

Open to who has the setup code and the kit, as long as there is no winery. What is asked for lies in a file; a process
outside the web carries it out (backup.requested_restore; in containers the server's own command), and this page tells how
far it is.
"""

from typing import Annotated, Literal

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr, StringConstraints

from backup.refusals import CouldNotRun
from backup.requested_restore import (
    RestoreProgress,
    RestoreRequest,
    load_progress,
    request_restore,
    withdraw_restore,
)
from winery_appliance.core import web
from winery_appliance.core.errors import AppError
from winery_appliance.core.typed_text import Line
from winery_appliance.winery.service import check_setup_code, exists_any_winery

ASKED = "restore_asked"  # in the browser's cookie: the number of what it asked for
blueprint = Blueprint("first_restore", __name__, url_prefix="/setup/restore")


class AskForRestore(BaseModel):
    """What is typed: the setup code, the kit's text, where the copies lie, and, if not the newest state, which moment."""

    model_config = ConfigDict(extra="ignore")

    setup_code: Annotated[Line, StringConstraints(max_length=40)]
    identity: SecretStr
    repo: Literal["nas", "s3"] = "nas"
    time: AwareDatetime | None = None


@blueprint.get("")
def show() -> ResponseReturnValue:
    """The form; or how far the restore is that was asked for. Gone once there is a winery."""
    if _has_winery():
        return redirect("/")
    progress = load_progress(web.settings())
    if progress is not None and not progress.ended:
        is_theirs = session.get(ASKED) == progress.id
        return render_template("restore_progress.html", progress=progress, is_theirs=is_theirs)
    return _show_form({"repo": "nas"}, None, progress)


@blueprint.post("")
def ask() -> ResponseReturnValue:
    """File what is wanted."""
    if _has_winery():
        return redirect("/", 303)
    typed = {name: value for name, value in request.form.to_dict().items() if value.strip()}
    try:
        wish = web.parse(AskForRestore, typed)
        with web.transaction() as opened:
            check_setup_code(opened, wish.setup_code)
        wanted = RestoreRequest(
            identity=wish.identity.get_secret_value(), repo=wish.repo, time=wish.time
        )
        request_restore(web.settings(), wanted)
    except AppError as error:
        return _show_form(typed, error, None), 422
    except (CouldNotRun, ValueError) as refusal:
        return _show_form(typed, str(refusal), None), 422
    session[ASKED] = wanted.id
    return redirect(url_for("first_restore.show"), 303)


@blueprint.post("/stop")
def stop() -> ResponseReturnValue:
    """Have the restore stopped, by who asked for it, as long as it has touched nothing."""
    progress = load_progress(web.settings())
    if progress is not None and session.get(ASKED) == progress.id and not _has_winery():
        withdraw_restore(web.settings())
    return redirect(url_for("first_restore.show"), 303)


def _has_winery() -> bool:
    with web.transaction() as opened:
        return exists_any_winery(opened)


def _show_form(
    typed: dict[str, str], error: AppError | str | None, ended: RestoreProgress | None
) -> str:
    faults = (
        {field.path: field.detail for field in error.fields} if isinstance(error, AppError) else {}
    )
    said = error.detail if isinstance(error, AppError) and not faults else error
    form = {
        "values": {name: value for name, value in typed.items() if name != "identity"},
        "errors": faults,
        "error": said if isinstance(said, str) else None,
    }
    return render_template("restore.html", form=form, ended=ended)
