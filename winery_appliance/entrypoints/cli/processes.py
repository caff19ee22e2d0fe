"""The processes of the appliance, each by its command; the supervisor keeps them alive by these."""

import sys
from pathlib import Path

import click

from winery_appliance.core.settings import read_settings

# Each command imports what it needs when it runs: the supervisor stays small and `--help` is quick.


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Data directory (WINERY_DATA).")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the web server (8080).")
@click.option("--host", help="Address the web server listens on (127.0.0.1).")
@click.option("--nas", type=click.Path(path_type=Path), help="Where copies go (WINERY_NAS).")
@click.option("--no-demo", is_flag=True, help="Start without the demo wineries.")
@click.option("--reset", is_flag=True, help="Remove the data directory first; asks.")
def up(
    data: Path | None,
    port: int | None,
    host: str | None,
    nas: Path | None,
    no_demo: bool,
    reset: bool,
) -> None:
    """Run everything: database, copies, web, worker and scheduler, until Ctrl-C."""
    from winery_appliance.entrypoints import supervisor

    settings = read_settings(data=data, port=port, host=host, nas=nas)
    sys.exit(supervisor.run(settings, demo=not no_demo, reset=reset))


@click.command()
@click.option("--no-demo", is_flag=True, help="No demo wineries.")
def prepare(no_demo: bool) -> None:
    """Make roles and schema in the database, and the demo or a setup code."""
    from winery_appliance.core.errors import AppError
    from winery_appliance.core.roles import DatabaseRefused
    from winery_appliance.entrypoints.preparation import prepare as make_ready

    try:
        lines = make_ready(read_settings(), demo=not no_demo)
    except (DatabaseRefused, AppError) as error:
        raise click.ClickException(str(error)) from error
    for line in lines:
        click.echo(line)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
def secrets(directory: Path) -> None:
    """Make the secrets that containers are handed, where DIRECTORY lacks them."""
    from winery_appliance.core.secret_files import make_handed_secrets
    from winery_appliance.entrypoints.preparation import HANDED_SECRETS

    made = make_handed_secrets(directory, HANDED_SECRETS)
    click.echo(
        f"Made: {', '.join(made)}." if made else "All secrets are there. Nothing was changed."
    )


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--name", "names", multiple=True, required=True, help="DNS name or IP address.")
def certificate(directory: Path, names: tuple[str, ...]) -> None:
    """Make the winery's authority and its certificate in DIRECTORY, or renew the certificate."""
    from winery_appliance.entrypoints.certificates import (
        CertificateRefused,
        ensure_certificate,
        fingerprint,
    )

    try:
        made = ensure_certificate(directory, names)
    except CertificateRefused as error:
        raise click.ClickException(str(error)) from error
    click.echo("Made a certificate." if made else "The certificate is good. Nothing was changed.")
    if (directory / "ca_certificate").exists():
        click.echo(f"Authority (SHA-256): {fingerprint(directory)}")


@click.command()
def web() -> None:
    """Answer requests."""
    from winery_appliance.entrypoints.web import serve

    serve(read_settings())


@click.command()
def worker() -> None:
    """Do queued work."""
    from winery_appliance.entrypoints.worker import work

    work(read_settings())


@click.command()
def scheduler() -> None:
    """Decide when periodic jobs are due."""
    from winery_appliance.entrypoints.scheduler import run_scheduler

    run_scheduler(read_settings())


@click.command()
def ingest() -> None:
    """Listen at the winery's MQTT broker (WINERY_MQTT_BROKER), and keep what probes say there."""
    from winery_appliance.entrypoints.ingest import run_ingest

    run_ingest(read_settings())


@click.command()
def mover() -> None:
    """Bring the files of instruments from WINERY_INSTRUMENTS into the watched folder, until stopped."""
    from winery_appliance.historical_data.bringing import bring_files

    try:
        bring_files(read_settings())
    except OSError as error:
        raise click.ClickException(str(error)) from error
