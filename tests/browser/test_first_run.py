"""A new appliance without the demo, on a PostgreSQL server of one's own: from the code in the terminal to the board."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.every_page import find_faults
from tests.system.appliance import PASSWORD, RealAppliance
from winery_appliance.core import postgres
from winery_appliance.core.settings import Settings


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[str]:
    """The administrator's address of a server that the appliance did not start."""
    settings = Settings(data=tmp_path / "server")
    settings.data.mkdir()
    postgres.ensure_cluster(settings)
    port = postgres.choose_port(settings)
    running = postgres.start_server(
        settings, postgres.cluster_dir(settings), port, stderr=subprocess.DEVNULL
    )
    try:
        running.wait_until_ready()
        yield postgres.admin_url(settings).rpartition("/")[0] + "/torrevela"
    finally:
        running.stop()


def test_the_first_run_on_a_server_of_ones_own(
    chromium: Browser, own_server: str, tmp_path: Path
) -> None:
    appliance = RealAppliance(tmp_path / "var", postgres.find_free_port())
    try:
        appliance.start("--no-demo", WINERY_DATABASE_URL=own_server)
        code = re.search(r"Setup code: (\S+)", appliance.shown())
        assert code
        assert code.group(1) not in (appliance.data / "log" / "winery.log").read_text()
        page = chromium.new_page(
            base_url=f"http://127.0.0.1:{appliance.port}", bypass_csp=True, reduced_motion="reduce"
        )
        for path in ("/setup/restore", "/"):
            page.goto(path)
            assert find_faults(page) == []
        for field, value in {
            "setup_code": code.group(1),
            "winery_name": "Torrevela",
            "winery_code": "torre",
            "display_name": "Inés",
            "email": "ines@torrevela.example",
            "password": PASSWORD,
            "password_again": PASSWORD,
            "time_zone": "Europe/Madrid",
            "tanks": "T-01\t5000\nT-02\t3000",
        }.items():
            page.locator(f"#{field}").fill(value)
        page.locator("#language").select_option("es")
        page.locator("#sugar_unit").select_option("baume")
        page.locator("main button[type=submit]").click()
        expect(page.get_by_text("Hay 2 depósitos en la bodega.")).to_be_visible()
        expect(page.get_by_text("No hay ninguna fermentación en curso")).to_be_visible()
        expect(page.get_by_text("Torrevela").first).to_be_visible()
        with psycopg.connect(own_server) as admin:
            roles = {
                row[0]
                for row in admin.execute(
                    "SELECT usename FROM pg_stat_activity WHERE datname = 'torrevela'"
                    " AND application_name LIKE 'winery%'"
                )
            }
        assert roles == {"winery_app", "winery_worker"}, "no process works as owner or superuser"
        assert not postgres.cluster_dir(appliance.settings).exists()
        assert appliance.stop() == 0
    finally:
        appliance.kill_all()
