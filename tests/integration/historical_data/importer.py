"""Takes files in as the owner, and does what the worker would."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from tests.conftest import Cast, Winery
from winery_appliance.fermentation.queries import list_fermentations, read_samples
from winery_appliance.historical_data import import_queries as queries
from winery_appliance.historical_data import import_service as service
from winery_appliance.historical_data.export_files import export_book
from winery_appliance.historical_data.import_commands import Answers, BeginImport
from winery_appliance.historical_data.import_job import find_path, run_pending_imports
from winery_appliance.historical_data.import_queries import ImportView

HEAD = (
    "fermentation_code,fermentation_start_date,fermentation_end_date,harvest_date,harvest_mass_kg,sample_date,density,"
    "temperature_celsius,vineyard_name,grape_variety\n"
)


def wine(code: str, days: int = 5, *, variety: str = "Garnacha", first: str = "1.094") -> str:
    """Rows of one past wine, a reading of density and temperature a day."""
    rows = []
    for day in range(days):
        density = first if day == 0 else f"{1.094 - 0.012 * day:.3f}"
        rows.append(
            f"{code},2023-09-12,2023-09-28,2023-09-11,6400,2023-09-{13 + day},{density},{21 + day / 2},Ladera,{variety}\n"
        )
    return "".join(rows)


class Importer:
    """Takes files in as the owner, and does what the worker would."""

    def __init__(self, book: Winery, cast: Cast, folder: Path) -> None:
        self.book, self.actor, self.folder = book, cast.ana, folder

    def take_in(self, content: str | bytes, **answers: Any) -> ImportView:
        """A file with its answers, read up to its questions or its preview."""
        return self.work(self.upload(content, **answers).id)

    def upload(self, content: str | bytes, **answers: Any) -> ImportView:
        """A file with its answers, that nobody has looked into."""
        data = content.encode() if isinstance(content, str) else content
        command = BeginImport(client_uuid=uuid4(), file_name="past.csv", size_bytes=len(data))
        with self.book.app.transaction(self.actor.winery_id) as session:
            view, _ = service.begin_import(session, command, actor=self.actor)
        path = find_path(self.folder, self.actor.winery_id, view.id)
        with self.book.app.transaction(self.actor.winery_id) as session:
            service.add_piece(session, view.id, 0, data, path, actor=self.actor)
        if answers:
            self.answer(view.id, **answers)
        return self.find(view.id)

    def answer(self, import_id: int, **answers: Any) -> None:
        with self.book.app.transaction(self.actor.winery_id) as session:
            told = Answers.model_validate(answers)
            service.answer_import(session, import_id, told, actor=self.actor)

    def work(self, import_id: int) -> ImportView:
        run_pending_imports(self.book.worker, self.folder)
        return self.find(import_id)

    def find(self, import_id: int) -> ImportView:
        with self.book.app.transaction(self.actor.winery_id) as session:
            return service.get_import(session, import_id)

    def save(self, import_id: int) -> ImportView:
        self.confirm(import_id)
        return self.work(import_id)

    def confirm(self, import_id: int) -> None:
        """Press Save; nobody works on it yet."""
        with self.book.app.transaction(self.actor.winery_id) as session:
            service.save_import(session, import_id, actor=self.actor)

    def list_all(self) -> list[ImportView]:
        """Every import, the youngest first."""
        with self.book.app.transaction(self.actor.winery_id) as session:
            return list(queries.list_imports(session, cursor=None, limit=50).items)

    def count_history(self) -> int:
        """How many past readings there are."""
        with self.book.app.transaction(self.actor.winery_id) as session:
            return session.scalar(text("SELECT count(*) FROM historical_samples")) or 0

    def undo(self, import_id: int) -> ImportView:
        with self.book.app.transaction(self.actor.winery_id) as session:
            service.undo_import(session, import_id, actor=self.actor)
        return self.work(import_id)

    def odd(self, import_id: int) -> list[tuple[int, str, str | None]]:
        with self.book.app.transaction(self.actor.winery_id) as session:
            page = queries.list_import_rows(
                session, import_id, verdict=None, cursor=None, limit=200
            )
        return [(row.line, row.verdict, row.fault) for row in page.items]

    def wines(self) -> dict[str, list[tuple[str, str, str]]]:
        """What is in the book: of each living wine its readings as typed."""
        with self.book.app.transaction(self.actor.winery_id) as session:
            page = list_fermentations(session, limit=500)
            return {
                w.code: [
                    (str(s.measured_at), str(s.sample_type), f"{s.value} {s.unit}")
                    for s in read_samples(session, w.id)
                ]
                for w in page.items
            }

    def export(self) -> str:
        with self.book.app.transaction(self.actor.winery_id) as session:
            return b"".join(export_book(session, "csv", (), lambda _: iter(()))).decode()
