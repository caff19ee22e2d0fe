"""Where this appliance's copies go off-site, from its settings."""

from pathlib import Path

from backup.access import BUCKET, Way
from backup.refusals import CouldNotRun
from sync.location import Location
from winery_appliance.core.settings import Settings

CREDENTIALS = "offsite_credentials"


def sync_dir(settings: Settings) -> Path:
    """Where the appliance keeps what it knows of its off-site copies, and what waits for the line."""
    return settings.data / "sync"


def scratch(settings: Settings) -> Path:
    """A folder for drafts, readable by us alone."""
    path = sync_dir(settings) / "scratch"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def is_set_up(settings: Settings) -> bool:
    """Whether a bucket is named."""
    return settings.offsite is not None


def find_location(settings: Settings, way: Way | None = None) -> Location:
    """The bucket that `way` names; for `s3`, or without `way`, the one set up here. Raises CouldNotRun."""
    way = way or Way(BUCKET)
    if way.repo != BUCKET:
        return Location.parse(
            way.repo,
            endpoint=way.endpoint,
            region=settings.offsite_region,
            credentials=way.credentials or settings.offsite_credentials,
        )
    if settings.offsite is None:
        raise CouldNotRun(
            "No bucket is set up here. Name it: --repo s3://BUCKET/FOLDER, or set WINERY_OFFSITE."
        )
    own = settings.secrets_dir / CREDENTIALS
    return Location.parse(
        settings.offsite,
        endpoint=way.endpoint or settings.offsite_endpoint,
        region=settings.offsite_region,
        credentials=way.credentials
        or settings.offsite_credentials
        or (own if own.exists() else None),
    )
