"""Who signs in to the demo, and by which password. Light: read at every start."""

from winery_appliance.auth.permissions import Role
from winery_appliance.core.secret_files import forget_secret, keep_secret, read_or_make_secret
from winery_appliance.core.settings import Settings

PEOPLE = {
    "ana@demo.winery": ("Ana", Role.OWNER),
    "marco@demo.winery": ("Marco", Role.WINEMAKER),
    "bruno@demo.winery": ("Bruno", Role.CELLAR),
}
NEIGHBOUR = {"carla@other.winery": ("Carla", Role.OWNER)}
SECRET = "demo_password"  # noqa: S105 - the name of a secret, not its value


def make_password(settings: Settings) -> str:
    """The demo's password: the one that was set, else one made at random; kept in the data directory."""
    if settings.demo_password is not None:
        return keep_secret(settings, SECRET, settings.demo_password.get_secret_value())
    return read_or_make_secret(settings, SECRET)


def forget_password(settings: Settings) -> None:
    """Nobody signs in to a demo that is gone; the next one gets a password of its own."""
    forget_secret(settings, SECRET)


def tell_logins(settings: Settings) -> list[str]:
    """The lines that tell a person how to sign in to the demo; none where there is no demo."""
    if not (settings.secrets_dir / SECRET).exists():
        return []
    logins = ", ".join([*PEOPLE, *NEIGHBOUR])
    return [f"Sign in as {logins}", f"Password of all four: {make_password(settings)}"]
