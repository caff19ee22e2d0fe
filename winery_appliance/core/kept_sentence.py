"""A sentence that one process writes down and another reads: English with its values, said in the language of who reads."""

from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

from winery_appliance.core.words import say


class KeptSentence(BaseModel):
    """`english` is looked up when it is read; `given` goes into its places."""

    model_config = ConfigDict(frozen=True)

    english: str
    given: dict[str, str | int | float] = {}

    def __str__(self) -> str:
        """The sentence in the language that is spoken now."""
        return say(self.english, **self.given)


# What a machine said, such as an operating system, has one language and is kept as it is.
Kept: TypeAlias = KeptSentence | str


def keep(english: str, /, **given: str | int | float) -> KeptSentence:
    """A sentence to be written down; what a program says into it is not translated."""
    return KeptSentence(english=english, given=given)
