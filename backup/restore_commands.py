"""The commands that read copies: `list`, `info`, `check`, `verify`, `restore`, `drill`."""

import functools
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from backup.access import (
    Way,
    check_keys,
    choose_plan,
    choose_site,
    find_access,
    find_dump,
    find_public_access,
    open_repository,
    read_repositories,
)
from backup.catalogue import Goal, Plan, Repository
from backup.dump_restore import DumpRestore
from backup.proofs import NAS, OFFSITE, Proof, verify_objects
from backup.proofs import drill as run_drill
from backup.records import BaseFacts, DumpFacts
from backup.refusals import CouldNotRun, Damaged
from backup.repository_options import (
    identity_option,
    json_option,
    read_moment,
    read_position,
    read_share,
    repository_options,
    site_option,
)
from backup.restore import Restore
from backup.retention import prune_nas
from backup.standby import Standby
from backup.target import Target
from backup.wal_format import format_lsn
from backup.wheelhouse import check_tools
from winery_appliance.core.child_process import give_way
from winery_appliance.core.settings import read_settings


@click.command("list")
@repository_options("nas")
@site_option
@json_option
def list_copies(way: Way, site: str | None, as_json: bool) -> None:
    """The base copies and how far the log behind each reaches; and the portable dumps."""
    found = _read(way, site)
    rows = [_row(repository, base) for repository in found for base in reversed(repository.bases)]
    if as_json:
        rows += [
            {**_tell_dump(dump), "kind": "dump", "id": dump.id, "tier": dump.tier}
            for repository in found
            for dump in reversed(repository.dumps)
        ]
        click.echo(json.dumps(rows))
        return
    for row in rows:
        kind = f"against {row['parent']}" if row["parent"] else "full"
        state = "" if row["usable"] else "  NOT USABLE"
        click.echo(
            f"{row['id']}  {row['bytes'] / 1e6:9.1f} MB  {kind}  reaches {row['reaches']}{state}"
        )
    for repository in found:
        for dump in reversed(repository.dumps):
            click.echo(
                f"{dump.id}  {dump.dump.size / 1e6:9.1f} MB  {dump.tier} dump  of {dump.made_at:%Y-%m-%d %H:%M:%S}"
            )
        for gap in repository.gaps():
            click.echo(f"GAP {gap}")


@click.command()
@click.argument("copy_id")
@repository_options("nas")
@site_option
@json_option
def info(copy_id: str, way: Way, site: str | None, as_json: bool) -> None:
    """Everything the manifest of a base copy or dump says."""
    for repository in _read(way, site):
        copies: list[BaseFacts | DumpFacts] = [*repository.bases, *repository.dumps]
        for copy in copies:
            if copy.id == copy_id:
                click.echo(copy.model_dump_json(indent=None if as_json else 1))
                return
    raise CouldNotRun(f"There is no base copy and no dump {copy_id}.")


@click.command()
@repository_options("nas")
@site_option
@identity_option
@json_option
def check(way: Way, site: str | None, identity: str | None, as_json: bool) -> None:
    """Read every manifest: signatures, order, and no gap. Quick; `verify` reads the contents too."""
    settings = read_settings()
    access = find_public_access(settings, identity)
    with open_repository(settings, way) as store:
        chosen = choose_site(store, settings, site, access.site)
        found = read_repositories(store, chosen, access)
        tools = check_tools(store, chosen, access.verify_key)
    faults = tools + [fault for repository in found for fault in repository.faults]
    faults += [
        f"{repository.place.base(base.id, '')}: the log or the copy it needs is missing"
        for repository in found
        for base in repository.bases
        if not repository.is_usable(base)
    ]
    if as_json:
        gaps = [gap for repository in found for gap in repository.gaps()]
        click.echo(json.dumps({"faults": faults, "gaps": gaps}))
    if faults:
        raise Damaged("\n".join(faults))
    if not as_json:
        parts = sum(len(s.parts) for repository in found for s in repository.stretches.values())
        click.echo(
            f"{sum(len(r.bases) for r in found)} base copies and {parts} parts of the log are signed and in order."
        )


@click.command()
@repository_options("nas")
@site_option
@click.option("--set", "base_id", help="Begin from this base copy, or restore this dump.")
@click.option("--latest", is_flag=True, help="The newest state; so it is without --time and --lsn.")
@click.option("--time", callback=read_moment, help="The state of this moment (UTC unless it says).")
@click.option("--lsn", callback=read_position, help="The state up to this position of the log.")
@click.option(
    "--target",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The data directory to make.",
)
@identity_option
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@click.option("--resume", is_flag=True, help="Go on with a restore that was interrupted.")
@click.option("--skip-verify", is_flag=True, help="Leave out pg_verifybackup.")
@click.option("--allow-unsigned", is_flag=True, help="Take copies that nobody vouches for.")
@click.option(
    "--standby-of",
    "primary",
    help="Make a standby of the running server at this address instead of a data directory.",
)
@json_option
def restore(
    way: Way,
    site: str | None,
    base_id: str | None,
    latest: bool,
    time: datetime | None,
    lsn: int | None,
    target: Path,
    identity: str | None,
    dry_run: bool,
    resume: bool,
    skip_verify: bool,
    allow_unsigned: bool,
    primary: str | None,
    as_json: bool,
) -> None:
    """Make a data directory out of copies: the appliance starts on it with ./scripts/run --data DIR."""
    if latest + sum(goal is not None for goal in (time, lsn, primary)) > 1:
        raise click.UsageError("--latest, --time, --lsn and --standby-of exclude each other.")
    settings = read_settings()
    access = find_access(settings, identity, allow_unsigned=allow_unsigned)
    tell = _tell_json if as_json else _tell_person
    with open_repository(settings, way) as store:
        tell("find")
        repositories = read_repositories(
            store, choose_site(store, settings, site, access.site), access
        )
        options: dict[str, Any] = {"pg_bin": settings.pg_bin, "tell": tell}
        work: Target
        dump = find_dump(repositories, base_id)
        if dump is not None:
            if time is not None or lsn is not None or primary is not None:
                raise click.UsageError(
                    "A dump holds one moment: --time, --lsn and --standby-of need a base copy."
                )
            check_keys([dump[1]], access)
            work = DumpRestore(store, *dump, target, access.identities, **options)
        else:
            plan = choose_plan(repositories, Goal(time, lsn), base_id)
            check_keys(plan.chain, access)
            kind = Restore if primary is None else functools.partial(Standby, primary=primary)
            work = kind(store, plan, target, access.identities, **options)
        if dry_run:
            work.check(resume=resume)
            facts = _tell_dump(dump[1]) if dump else _tell_plan(plan)
            click.echo(json.dumps(facts) if as_json else _describe_plan(facts))
            return
        done = work.run(resume=resume, skip_verify=skip_verify)
    if as_json:
        click.echo(
            json.dumps(
                {"phase": "restored", "words": done.sentence()}
                | done.model_dump(mode="json", exclude={"held"})
            )
        )
    else:
        click.echo(done.sentence())


@click.command()
@repository_options("nas")
@site_option
@click.option(
    "--level",
    type=click.Choice(["hash", "decrypt", "restore"]),
    default="hash",
    show_default=True,
    help="How far to look: compare hashes, open the copies too, or restore the newest.",
)
@click.option(
    "--sample", default="100%", show_default=True, callback=read_share, help="Of all objects."
)
@identity_option
@json_option
def verify(
    way: Way, site: str | None, level: str, sample: float, identity: str | None, as_json: bool
) -> None:
    """Read copies and compare them with their signed hashes; open them; or restore them."""
    settings = read_settings()
    needs_key = level != "hash"
    access = (
        find_access(settings, identity, allow_unsigned=False)
        if needs_key or identity
        else find_public_access(settings)
    )
    with open_repository(settings, way) as store:
        found = read_repositories(store, choose_site(store, settings, site, access.site), access)
        if level == "restore":
            proof = run_drill(settings, store, found, access, _tell_person, _whose(way))
            _show_proof(proof, as_json=as_json)
            return
        count, faults = verify_objects(
            store, found, share=sample, identities=access.identities if needs_key else None
        )
    if as_json:
        click.echo(json.dumps({"objects": count, "faults": faults}))
    if faults:
        raise Damaged("\n".join(faults))
    if not as_json:
        click.echo(f"{count} objects are as they were written.")


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@json_option
def prune(dry_run: bool, as_json: bool) -> None:
    """Remove what no moment of the promised days needs any more; it happens by itself after each base copy."""
    removals = prune_nas(read_settings(), dry_run=dry_run)
    if as_json:
        click.echo(json.dumps([{"key": one.key, "words": one.words} for one in removals]))
        return
    for removal in removals:
        click.echo(f"{removal.key}  ({removal.words})")
    click.echo(f"{len(removals)} things {'would be' if dry_run else 'were'} removed.")


@click.command()
@repository_options("nas")
@site_option
@identity_option
@json_option
def drill(way: Way, site: str | None, identity: str | None, as_json: bool) -> None:
    """Restore the newest state beside the running appliance, check every page, and note the proof."""
    give_way()
    settings = read_settings()
    access = find_access(settings, identity, allow_unsigned=False)
    with open_repository(settings, way) as store:
        found = read_repositories(store, choose_site(store, settings, site, access.site), access)
        proof = run_drill(settings, store, found, access, _tell_person, _whose(way))
    _show_proof(proof, as_json=as_json)


def _whose(way: Way) -> str:
    """Whose proof it is: what the bucket gave back tells nothing about the NAS, nor the other way round."""
    return OFFSITE if way.is_bucket else NAS


def _show_proof(proof: Proof, *, as_json: bool) -> None:
    click.echo(proof.model_dump_json() if as_json else str(proof.words))


def _read(way: Way, site: str | None) -> list[Repository]:
    settings = read_settings()
    access = find_public_access(settings)
    with open_repository(settings, way) as store:
        return read_repositories(store, choose_site(store, settings, site, access.site), access)


def _row(repository: Repository, base: BaseFacts) -> dict[str, Any]:
    stretch = repository.stretches.get(base.stretch)
    last = stretch.last_commit if stretch else None
    return {
        "kind": "base",
        "id": base.id,
        "repository": repository.facts.repository,
        "parent": base.parent,
        "bytes": base.base.size + base.files.size,
        "begins": base.finished_at.isoformat(),
        "reaches": last.isoformat(timespec="seconds") if last else None,
        "end": format_lsn(stretch.end) if stretch else None,
        "kit": base.kit,
        "usable": repository.is_usable(base),
    }


def _tell_plan(plan: Plan) -> dict[str, Any]:
    return {
        "phase": "plan",
        "repository": plan.repository.facts.repository,
        "bases": [base.id for base in plan.chain],
        "log_parts": len(plan.parts),
        "target": format_lsn(plan.target),
        "last_commit": plan.last_commit.isoformat() if plan.last_commit else None,
        "bytes": plan.size,
        "unpacked_bytes": plan.plain_size,
        "kits": sorted(plan.kits),
        "postgresql": plan.repository.facts.major,
    }


def _tell_dump(dump: DumpFacts) -> dict[str, Any]:
    return {
        "phase": "plan",
        "dump": dump.id,
        "last_commit": dump.made_at.isoformat(),
        "bytes": dump.dump.size + dump.files.size,
        "unpacked_bytes": dump.dump.plain_size + dump.files.plain_size,
        "kits": [dump.kit],
        "postgresql": dump.major,
    }


def _describe_plan(facts: dict[str, Any]) -> str:
    if "dump" in facts:
        source = f"From dump {facts['dump']}, which holds the state of {facts['last_commit']}:"
    else:
        source = f"""From base copy {" + ".join(facts["bases"])} and {facts["log_parts"]} parts of the log
to {facts["target"]} (last commit {facts["last_commit"]}):"""
    return f"""{source}
{facts["bytes"] / 1e6:.1f} MB to read, {facts["unpacked_bytes"] / 1e6:.1f} MB unpacked, kit {facts["kits"]},
PostgreSQL {facts["postgresql"]}. Nothing was written."""


def _tell_json(phase: str, **facts: Any) -> None:
    click.echo(json.dumps({"phase": phase, **facts}))


def _tell_person(phase: str, **facts: Any) -> None:
    text = ", ".join(f"{name} {value}" for name, value in facts.items())
    is_counting = phase in ("unpack", "read")
    if is_counting:
        text = f"{facts['bytes'] / 1e6:.1f} of {facts['of'] / 1e6:.1f} MB  {facts['name']}"
    if phase == "read":
        left = f", {facts['left_s']:.0f} s left" if facts["left_s"] is not None else ""
        text += f"  {facts['mb_s']:.2f} MB/s{left}"
    if not is_counting or not sys.stderr.isatty():
        click.echo(f"{phase:<16}{text}", err=True)
    else:
        is_last = phase == "unpack" and facts["bytes"] == facts["of"]
        click.echo(f"\r{phase:<16}{text:<60}", err=True, nl=is_last)
