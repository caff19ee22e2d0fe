"""Every setting of the appliance, read once from the environment and checked together.

Nothing else in the product reads the environment. A value may also stand in a file whose path is given by the same name
with `_FILE` behind it, which is how containers hand over secrets.
"""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

PREFIX = "WINERY_"


class SettingsError(Exception):
    """One or more settings are wrong; the text names each and says what is expected."""


class Settings(BaseModel):
    """What a person can set; the name of a field in capitals behind `WINERY_` is its variable."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    data: Path = Field(default=Path("var"), description="data directory of this appliance")
    secrets: Path | None = Field(
        default=None,
        description="folder of secrets that somebody else made, one file each; none is made there",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="address of a PostgreSQL server of one's own; whoever makes roles needs the administrator's",
    )
    read_database_url: SecretStr | None = Field(
        default=None,
        description="address of a streaming standby of that server, where the web process does its heavy reading",
    )
    pg_bin: Path | None = Field(
        default=None, description="folder with PostgreSQL 18's programs, instead of the wheel's"
    )
    host: str = Field(default="127.0.0.1", description="address the web server listens on")
    port: int = Field(default=8080, ge=1, le=65535, description="port of the web server")
    demo_password: SecretStr | None = Field(
        default=None, min_length=1, description="password of the demo logins"
    )
    workers: int = Field(default=2, ge=1, le=64, description="threads that do queued work")
    web_threads: int = Field(default=8, ge=1, le=64, description="threads that answer requests")
    session_days: int = Field(default=30, ge=1, le=400, description="idle days a sign-in lasts")
    pin_minutes: int = Field(
        default=15, ge=1, le=720, description="idle minutes a sign-in by PIN lasts"
    )
    token_hours: int = Field(default=12, ge=1, le=720, description="hours an access token lasts")
    reading_months: int = Field(
        default=24, ge=12, le=1200, description="months with readings of devices that are kept"
    )
    secure_cookies: bool = Field(default=False, description="cookies for HTTPS only")
    nas: Path | None = Field(
        default=None,
        description="where the NAS is mounted; a folder of the data directory if not set",
    )
    backup_every_s: float = Field(
        default=5.0, ge=0.2, le=3600, description="seconds between two pieces of new records"
    )
    backup_spool_mb: int = Field(
        default=2048, ge=64, description="space that records may take here while the NAS is away"
    )
    backup_full_days: int = Field(default=7, ge=1, le=90, description="days between full copies")
    backup_base_hours: int = Field(
        default=24, ge=1, le=720, description="hours between copies, full or incremental"
    )
    backup_mb_s: float = Field(
        default=20.0,
        ge=0,
        le=10_000,
        description="MB of the database a second that are copied by itself; 0 for as fast as it goes",
    )
    backup_dump_hours: int = Field(
        default=24, ge=0, le=720, description="hours between portable dumps; 0 for none by itself"
    )
    backup_drill_hours: int = Field(
        default=24, ge=0, le=720, description="hours between trial restores; 0 for none by itself"
    )
    backup_window_days: int = Field(
        default=14, ge=1, le=400, description="days of which every moment can be restored"
    )
    backup_tools: bool = Field(
        default=True, description="keep the programs of a restore beside the copies"
    )
    offsite: str | None = Field(
        default=None,
        pattern="^s3://[^/]+",
        description="bucket that copies also go to, and the folder in it: s3://bucket/folder",
    )
    offsite_endpoint: str | None = Field(
        default=None, description="address of the bucket's store, unless it is AWS"
    )
    offsite_region: str | None = Field(default=None, description="region of the bucket")
    offsite_credentials: Path | None = Field(
        default=None,
        description="file with the bucket's keys; the secret offsite_credentials, else the AWS variables, if not set",
    )
    offsite_every_s: float = Field(
        default=30.0,
        ge=0.2,
        le=3600,
        description="seconds between two pieces of new records off-site",
    )
    offsite_kbit_s: int = Field(
        default=0,
        ge=0,
        description="most of the line that copies may take, kbit/s; 0 for all; records are exempt",
    )
    offsite_hours: str | None = Field(
        default=None,
        pattern=r"^([01]\d|2[0-4])-([01]\d|2[0-4])$",
        description="hours (UTC) in which copies may go out, like 20-06; records are exempt",
    )
    offsite_spool_mb: int = Field(
        default=2048,
        ge=64,
        description="space that sealed records may take here while the line is away",
    )
    offsite_drill_days: int = Field(
        default=30,
        ge=0,
        le=365,
        description="days between trial restores from the bucket; 0 for none",
    )
    offsite_history: Literal["age", "sse", "off"] = Field(
        default="age",
        description="history of samples in the bucket: sealed; open, left to the store's own encryption; or none",
    )
    offsite_cache_mb: int = Field(
        default=1024, ge=16, description="space for history that was fetched to answer questions"
    )
    trusted_proxy: str | None = Field(
        default=None,
        description="address of the one front server whose X-Forwarded-For and -Proto are believed; * for any",
    )
    log_server: str | None = Field(
        default=None,
        description="log server that gets every line as RFC 5424: tcp://HOST:PORT or tls://HOST:PORT",
    )
    error_dsn: SecretStr | None = Field(
        default=None,
        description="where a Sentry or GlitchTip takes errors: https://KEY@HOST/PROJECT; nobody is told if not set",
    )
    log_rows: int = Field(
        default=1_000_000, ge=1000, description="log lines that are kept for the owner, at most"
    )
    metrics_from: str = Field(
        default="127.0.0.0/8,::1/128",
        description="networks whose machines may read /metrics, with commas between them",
    )
    copies: Path | None = Field(
        default=None,
        description="data directory of the process that makes copies, where it is not this one: its notes are read",
    )
    certificate: Path | None = Field(
        default=None, description="the front server's certificate, to tell how long it lasts"
    )
    imports: Path | None = Field(
        default=None,
        description="folder where uploaded files wait, the same for web and worker; one in the data directory if not set",
    )
    watched_folder: Path | None = Field(
        default=None,
        description="local folder whose files are imported by themselves; one in the data directory if not set",
    )
    instruments: Path | None = Field(
        default=None,
        description="folder on a NAS or stick whose files `winery mover` brings into the watched folder",
    )
    mqtt_broker: str | None = Field(
        default=None,
        description="broker that probes publish at: mqtt://HOST:PORT, or mqtts://HOST:PORT by TLS",
    )
    mqtt_topics: str = Field(
        default="ispindel/+/+,tiltbridge/#,winery/+/readings",
        description="topics to listen to there, with commas between them",
    )
    mqtt_user: str | None = Field(default=None, description="login at the broker")
    mqtt_password: SecretStr | None = Field(default=None, description="its password")
    mqtt_ca: Path | None = Field(
        default=None, description="certificate of the authority that a broker by TLS is trusted by"
    )
    mqtt_token: SecretStr | None = Field(
        default=None, description="token, made under Tokens, that the broker's readings come under"
    )
    heartbeat: Path | None = Field(
        default=None, description="file that worker, scheduler and ingest touch while they work"
    )

    @field_validator("read_database_url")
    @classmethod
    def reading_goes_to_a_server(cls, value: SecretStr | None) -> SecretStr | None:
        """It is an address of one (ValueError)."""
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in {"postgresql", "postgres"} or not parts.hostname:
                raise ValueError("write it as postgresql://HOST:PORT")
        return value

    @field_validator("log_server")
    @classmethod
    def log_goes_to_a_server(cls, value: str | None) -> str | None:
        """It is an address of one (ValueError)."""
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in {"tcp", "tls"} or not parts.hostname or not parts.port:
                raise ValueError("write it as tcp://HOST:PORT or tls://HOST:PORT")
        return value

    @field_validator("error_dsn")
    @classmethod
    def errors_go_to_a_tracker(cls, value: SecretStr | None) -> SecretStr | None:
        """It is an address of one (ValueError)."""
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            complete = parts.hostname and parts.username and parts.path.strip("/")
            if parts.scheme not in {"http", "https"} or not complete:
                raise ValueError("write it as https://KEY@HOST/PROJECT")
        return value

    @field_validator("mqtt_broker")
    @classmethod
    def readings_come_from_a_broker(cls, value: str | None) -> str | None:
        """It is an address of one (ValueError)."""
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname or parts.username:
                raise ValueError("write it as mqtt://HOST:PORT or mqtts://HOST:PORT")
        return value

    @field_validator("metrics_from")
    @classmethod
    def metrics_go_to_networks(cls, value: str) -> str:
        """Each is a network (ValueError)."""
        for network in value.split(","):
            ipaddress.ip_network(network.strip(), strict=False)
        return value

    @property
    def nas_root(self) -> Path:
        """Where copies go: the NAS, or for want of one a folder beside the data, which saves nothing."""
        return self.nas or self.data / "nas"

    @property
    def imports_dir(self) -> Path:
        """Where uploaded files wait to be imported."""
        return self.imports or self.data / "imports"

    @property
    def watched_dir(self) -> Path:
        """The folder whose files are imported by themselves."""
        return (self.watched_folder or self.data / "watched").expanduser().absolute()

    @property
    def secrets_dir(self) -> Path:
        """Folder of the secrets: the one handed to us, else our own, readable by its owner only."""
        return self.secrets or self.data / "secrets"


def read_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """The settings in `environ` (the process's own by default), with `overrides` from a command line on top.

    Raises SettingsError that lists every wrong value at once.
    """
    source = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for name in Settings.model_fields:
        value = _read_value(source, PREFIX + name.upper())
        if value is not None:
            values[name] = value
    values.update({name: value for name, value in overrides.items() if value is not None})
    try:
        settings = Settings(**values)
    except ValidationError as error:
        lines = [
            f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()
        ]
        raise SettingsError("These settings are wrong: " + "; ".join(lines)) from error
    paths = {"data": settings.data.expanduser().absolute()}
    if settings.nas is not None:
        paths["nas"] = settings.nas.expanduser().absolute()
    return settings.model_copy(update=paths)


def find_unknown_variables(environ: Mapping[str, str] | None = None) -> list[str]:
    """The variables in `environ` (the process's own by default) that look like ours and are read by nobody."""
    source = os.environ if environ is None else environ
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(
        name
        for name in source
        if name.startswith(PREFIX) and name.removesuffix("_FILE") not in known
    )


def _read_value(source: Mapping[str, str], variable: str) -> str | None:
    """The variable's value, or the content of the file that its `_FILE` twin names; empty counts as not set."""
    path = source.get(variable + "_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip() or None
        except OSError as error:
            raise SettingsError(
                f"{variable}_FILE: {path} cannot be read: {error.strerror}"
            ) from error
    return source.get(variable) or None


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment for a process of ours that shall see the same settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    for name, value in settings.model_dump().items():
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        if value is not None:
            environment[PREFIX + name.upper()] = str(value)
    return environment
