"""Why a file as a whole cannot be read."""

from winery_appliance.core.errors import Invalid
from winery_appliance.core.words import say


class UnreadableFile(Invalid):
    """A file that no stage can make anything of; nothing of it was saved."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{detail} {say('Nothing was saved.')}", code=code)
