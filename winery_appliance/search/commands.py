"""What can be asked of search, as validated data."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from winery_appliance.core.typed_text import Line, read_digits

MOST_FOUND = 50


class Search(BaseModel):
    """A part of a code or name; capitals do not matter, and every character stands for itself."""

    q: Annotated[Line, StringConstraints(max_length=60)]
    limit: Annotated[int, BeforeValidator(read_digits), Field(ge=1, le=MOST_FOUND)] = 20
