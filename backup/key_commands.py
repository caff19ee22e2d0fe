"""The commands `winery-backup keys ...`."""

import json
import re
import sys
from pathlib import Path

import click

from backup.keys import Custody, Site, make_site, need_site, prove_kit, rotate_kit, save_site
from backup.kit import Bucket, load_kit, read_kit, render_printable, write_kit
from winery_appliance.core.clock import now
from winery_appliance.core.settings import Settings, read_settings

SITE = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")


def _check_site(_: click.Context, __: click.Parameter, value: str) -> str:
    if not SITE.fullmatch(value):
        raise click.BadParameter("small letters, digits and hyphens, at most 41")
    return value


kit_option = click.option(
    "--kit",
    "kit_file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Where to write the kit; its printable pages lie beside it as .pdf and .html.",
)
identity_option = click.option(
    "--identity", required=True, help="The kit's file, or - to type or scan the key."
)


@click.group()
def keys() -> None:
    """Who can open the copies: make, print, prove and renew the recovery kit."""


@keys.command()
@kit_option
@click.option(
    "--site",
    default="winery",
    show_default=True,
    callback=_check_site,
    help="What this winery is called among the copies.",
)
@click.option(
    "--custody",
    type=click.Choice(["operational", "strict"]),
    default="operational",
    show_default=True,
    help="strict: no key on the appliance opens copies; drills then need the kit.",
)
@click.option("--plain-folder", is_flag=True, help="The NAS is a folder, not a mounted disk.")
def init(kit_file: Path, site: str, custody: Custody, plain_folder: bool) -> None:
    """Make all keys, write the recovery kit once, and mark the NAS."""
    settings = read_settings()
    for line in set_up_keys(settings, kit_file, site, custody=custody, plain_folder=plain_folder):
        click.echo(line)


def set_up_keys(
    settings: Settings, kit_file: Path, site: str, *, custody: Custody, plain_folder: bool
) -> list[str]:
    """Make all keys and the kit; what a person should read. Raises CouldNotRun, NasAbsent."""
    made, identity = make_site(settings, site, custody=custody, plain_folder=plain_folder)
    return _hand_out(settings, made, identity, kit_file)


@keys.command()
@kit_option
def rotate(kit_file: Path) -> None:
    """Make a new kit; copies made from now on need that one, older copies the older."""
    settings = read_settings()
    site, identity = rotate_kit(settings, need_site(settings))
    for line in _hand_out(settings, site, identity, kit_file):
        click.echo(line)


@keys.command()
@identity_option
def prove(identity: str) -> None:
    """Open a trial object with the kit, so that the kit is known to work. Again every 90 days."""
    settings = read_settings()
    kit = load_kit(identity, _typed(identity))
    site = prove_kit(settings, need_site(settings), kit.identity)
    click.echo(f"Kit {site.kit.number} opens the copies. Proven until the next 90 days are over.")


@keys.command("print")
@identity_option
@click.argument("page", type=click.Path(path_type=Path, dir_okay=False))
def print_page(identity: str, page: Path) -> None:
    """Write the printable PAGE (.pdf or .html) of a kit again, from its file."""
    site = need_site(read_settings())
    typed = _typed(identity)
    kit = load_kit(identity, typed)
    text = typed if identity == "-" else Path(identity).read_text(encoding="utf-8")
    page.touch(mode=0o600, exist_ok=False)
    page.write_bytes(render_printable(page, site, kit.identity, text))
    click.echo(f"Print {page}, then remove it.")


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_kits(as_json: bool) -> None:
    """The kits of this site, the newest last."""
    site = need_site(read_settings())
    if as_json:
        click.echo(json.dumps([kit.model_dump(mode="json") for kit in site.kits]))
        return
    for kit in site.kits:
        proven = f"proven {kit.proven_at:%Y-%m-%d}" if kit.proven_at else "not proven yet"
        stale = "" if kit.is_proven(now()) or not kit.proven_at else ", due again"
        click.echo(
            f"kit {kit.number}  {kit.recipient}  made {kit.made_at:%Y-%m-%d}  {proven}{stale}"
        )


def _hand_out(settings: Settings, site: Site, identity: str, kit_file: Path) -> list[str]:
    bucket = None
    if settings.offsite is not None:
        bucket = Bucket(settings.offsite, settings.offsite_endpoint, settings.offsite_region)
    page = write_kit(kit_file, site, identity, str(settings.nas_root), bucket)
    save_site(settings, site)
    read_kit(kit_file.read_text(encoding="utf-8"))
    return [
        f"Recovery kit {site.kit.number} is in {kit_file}, to be printed from {page}.",
        "It is shown this once. Print it, keep it away from here, and remove these files.",
        "Copies are made from now on; the setup counts once the kit is proven:",
        "  winery-backup keys prove --identity -",
    ]


def _typed(identity: str) -> str:
    return sys.stdin.read() if identity == "-" else ""
