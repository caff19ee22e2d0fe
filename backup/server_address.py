"""How PostgreSQL's own programs are told the server's address."""

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from winery_appliance.core.roles import role_url
from winery_appliance.core.settings import Settings


def program_address(settings: Settings) -> tuple[str, dict[str, str]]:
    """The server's address for the role that copies, and the environment with its password."""
    info = conninfo_to_dict(role_url(settings, "backup"))
    password = str(info.pop("password", ""))
    del info["dbname"]
    text = make_conninfo("", **{name: str(value) for name, value in info.items()})
    return text, {"PGPASSWORD": password, "PGCONNECT_TIMEOUT": "5"}
