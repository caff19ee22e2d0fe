"""What was sent as validated data, or a sentence for each wrong field."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from winery_appliance.core.errors import FieldFault, Invalid
from winery_appliance.core.words import N_, say

Model = TypeVar("Model", bound=BaseModel)


def parse(model: type[Model], given: Any) -> Model:
    """`given` as validated data. Raises Invalid that names each wrong field."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise explain(error) from error


def explain(error: ValidationError) -> Invalid:
    """What pydantic found, as a refusal for a person."""
    faults = [tell_fault(fault) for fault in error.errors()]
    told = " ".join(f"{fault.path}: {fault.detail}" for fault in faults)
    return Invalid(say("Nothing was saved. %(told)s", told=told), fields=faults)


# What pydantic finds, in words for a person; what is missing here keeps its own.
SENTENCES = {
    "missing": N_("This is needed."),
    "extra_forbidden": N_("Nobody expects this."),
    "string_too_short": N_("Type at least {min_length} characters."),
    "too_short": N_("Type at least {min_length} characters."),
    "string_too_long": N_("Type at most {max_length} characters."),
    "too_long": N_("Type at most {max_length} characters."),
    "string_type": N_("Send this as text."),
    "float_parsing": N_("Type a number."),
    "int_parsing": N_("Type a whole number."),
    "int_from_float": N_("Type a whole number."),
    "int_type": N_("Type a whole number."),
    "decimal_parsing": N_("Type a number."),
    "finite_number": N_("Type a number."),
    "greater_than": N_("This should be greater than {gt}."),
    "greater_than_equal": N_("This should be greater than or equal to {ge}."),
    "less_than": N_("This should be less than {lt}."),
    "less_than_equal": N_("This should be less than or equal to {le}."),
    "literal_error": N_("This should be {expected}."),
    "enum": N_("This should be {expected}."),
    "timezone_aware": N_("Say the time zone, as in 2026-09-24T06:30:00+02:00."),
}


def tell_fault(fault: Any) -> FieldFault:
    """One of pydantic's faults: where, the machine's word, a sentence."""
    path = ".".join(str(part) for part in fault["loc"]) or "body"
    known = SENTENCES.get(fault["type"])
    if known and fault.get("ctx", {}).get("min_length") == 1:
        known = SENTENCES["missing"]
    message = str(fault["msg"]).removeprefix("Value error, ").replace("Input should", "This should")
    sentence = (
        say(known).format(**fault.get("ctx", {}))
        if known
        else f"{message[:1].upper()}{message[1:]}."
    )
    return FieldFault(path, str(fault["type"]), sentence)
