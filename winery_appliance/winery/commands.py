"""What can be asked of the winery feature, as validated data."""

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from winery_appliance.auth.commands import Email, Password
from winery_appliance.core.errors import Invalid
from winery_appliance.core.typed_text import Code, Line, TimeZone, forget_defaults, must_match
from winery_appliance.core.validation import parse
from winery_appliance.core.words import N_, say
from winery_appliance.winery.tank_list import read_tank_list

WineryCode = Annotated[
    Line,
    StringConstraints(max_length=20, to_upper=True),
    must_match(
        r"[A-Za-z0-9][A-Za-z0-9_-]*", N_("a short code of letters and digits, without blanks")
    ),
]


WineryTitle = Annotated[Line, StringConstraints(max_length=120)]


class AddWinery(BaseModel):
    """A further winery of the appliance, by its code."""

    model_config = ConfigDict(extra="forbid")

    code: WineryCode
    name: WineryTitle


Country = Annotated[
    Line,
    StringConstraints(to_upper=True),
    must_match(r"[A-Za-z]{2}", N_("a country by its two letters, such as ES")),
]
Language = Annotated[
    Line,
    StringConstraints(to_lower=True),
    must_match(r"[A-Za-z]{2}", N_("a language by its two letters, such as en")),
]
OurLanguage = Literal["en", "es", "fr", "it"]
SugarUnit = Literal["brix", "sg", "kg_m3", "baume", "oechsle", "kmw"]
TemperatureUnit = Literal["celsius", "fahrenheit"]
MOST_VESSELS = 5000


class ChangeWinery(BaseModel):
    """What is to be different about the winery; what is left out stays.

    `temperature_unit` is the one that entry begins with, `legal_region` whose limits apply, `walking_order` what a round
    goes by. Latitude and longitude (degrees, WGS 84) go together. `audit_months`: the youngest so many months with changes
    stay in the audit log, null for ever.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra=forget_defaults)

    name: WineryTitle = ""
    location: Annotated[Line, StringConstraints(max_length=200)] | None = None
    country: Country | None = None
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None
    language: Language = "en"
    sugar_unit: SugarUnit = "brix"
    temperature_unit: TemperatureUnit = "celsius"
    time_zone: TimeZone = "UTC"
    legal_region: Literal["eu", "us"] = "eu"
    walking_order: Literal["position", "code"] = "position"
    audit_months: Annotated[int, Field(ge=12, le=1200)] | None = None


class SetWalkingOrder(BaseModel):
    """The codes of vessels in the order of the round; those not named come behind, by code."""

    model_config = ConfigDict(extra="forbid")

    codes: Annotated[list[Code], Field(max_length=MOST_VESSELS)]


VesselKind = Literal[
    "tank",
    "open_top",
    "barrel",
    "puncheon",
    "foudre",
    "egg",
    "amphora",
    "bin",
    "tote",
    "keg",
    "demijohn",
]
Material = Literal[
    "stainless_steel", "oak", "other_wood", "concrete", "clay", "fiberglass", "plastic", "glass"
]
Jacket = Literal["none", "cooling", "heating", "cooling_and_heating"]
CapacityLitres = Annotated[int, Field(gt=0, le=10_000_000)]
Position = Annotated[int, Field(ge=0, le=100_000)]


class CreateVessel(BaseModel):
    """A vessel by its code; capacity in litres, position in walking order, jacket: what can be done to its temperature."""

    model_config = ConfigDict(extra="forbid")

    code: Code
    kind: VesselKind = "tank"
    material: Material | None = None
    jacket: Jacket | None = None
    capacity_l: CapacityLitres | None = None
    position: Position | None = None


class ChangeVessel(BaseModel):
    """What is to be different about a vessel; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=forget_defaults)

    code: Code = ""
    kind: VesselKind = "tank"
    material: Material | None = None
    jacket: Jacket | None = None
    capacity_l: CapacityLitres | None = None
    position: Position | None = None


class ListVessels(BaseModel):
    """Which vessels to list: those of the cellar, or the `deleted` ones."""

    deleted: Literal["true", "false"] = "false"


def _read_tanks(typed: object) -> object:
    """A typed list of tanks, each standing where its line stands (ValueError)."""
    if not isinstance(typed, str):
        return typed
    tanks = []
    for position, tank in enumerate(read_tank_list(typed), 1):
        given = {"code": tank.code, "capacity_l": tank.litres, "position": position}
        try:
            tanks.append(parse(CreateVessel, given))
        except Invalid as error:
            told = error.fields[0].detail.removesuffix(".")
            raise ValueError(
                say("line %(number)s: %(told)s", number=tank.line, told=told)
            ) from error
    return tuple(tanks)


class SetUpWinery(BaseModel):
    """The first run: the code that proves who installed the appliance, the winery with its tanks, and its owner."""

    model_config = ConfigDict(extra="ignore")

    setup_code: Annotated[Line, StringConstraints(max_length=40)]
    winery_name: WineryTitle
    winery_code: WineryCode
    time_zone: TimeZone = "UTC"
    language: OurLanguage = "en"
    sugar_unit: SugarUnit = "brix"
    temperature_unit: TemperatureUnit = "celsius"
    tanks: Annotated[tuple[CreateVessel, ...], BeforeValidator(_read_tanks)] = ()
    display_name: Annotated[Line, StringConstraints(max_length=80)]
    email: Email
    password: Password
    password_again: SecretStr

    @field_validator("password_again")
    @classmethod
    def passwords_agree(cls, again: SecretStr, info: ValidationInfo) -> SecretStr:
        """Both passwords are the same (ValueError)."""
        first = info.data.get("password")
        if first is not None and first.get_secret_value() != again.get_secret_value():
            raise ValueError(say("the two passwords are not the same"))
        return again
