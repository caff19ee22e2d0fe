"""Lessons as bytes: plain arrays and JSON, never pickled objects. What was learned with another bank is not read."""

import json
from io import BytesIO

import numpy as np

from winery_appliance.analysis_engine.forecasting.lessons import Lessons, StyleLessons
from winery_appliance.analysis_engine.forecasting.members import Courses
from winery_appliance.analysis_engine.forecasting.sources import PastCourses, guess_bank_prior

# Changes with every change of what a lesson says or is made from; older ones are then learned anew.
FORMAT = 1


def pack_lessons(lessons: Lessons) -> bytes:
    """`lessons` as bytes."""
    arrays: dict[str, np.ndarray] = {}
    told: dict[str, object] = {}
    for style, one in lessons.by_style.items():
        told[style] = {
            "usual_c": one.usual_c,
            "bank_weight": one.bank_weight,
            "widening": one.widening,
            "stops": one.stops,
            "ferments": one.ferments,
            "step": one.past.courses.step if one.past else None,
        }
        arrays[f"{style}/prior"] = one.prior
        if one.past:
            arrays[f"{style}/shares"] = one.past.courses.shares
            arrays[f"{style}/log_likely"] = one.past.courses.log_likely
            arrays[f"{style}/brix0"] = one.past.brix0
            arrays[f"{style}/yan_mg_l"] = one.past.yan_mg_l
    facts = json.dumps({"format": FORMAT, "styles": told}).encode()
    packed = BytesIO()
    arrays["facts"] = np.frombuffer(facts, dtype=np.uint8)
    np.savez_compressed(packed, allow_pickle=False, **arrays)
    return packed.getvalue()


def unpack_lessons(packed: bytes) -> Lessons | None:
    """What `pack_lessons` packed; None for another format or another bank."""
    with np.load(BytesIO(packed), allow_pickle=False) as kept:
        facts = json.loads(kept["facts"].tobytes())
        if facts["format"] != FORMAT:
            return None
        by_style = {}
        for style, told in facts["styles"].items():
            prior = kept[f"{style}/prior"]
            if prior.shape != guess_bank_prior(style).shape:
                return None
            step = told.pop("step")
            past = None
            if step is not None:
                courses = Courses(kept[f"{style}/shares"], kept[f"{style}/log_likely"], step)
                past = PastCourses(courses, kept[f"{style}/brix0"], kept[f"{style}/yan_mg_l"])
            told |= {name: tuple(told[name]) for name in ("bank_weight", "widening")}
            by_style[style] = StyleLessons(prior=prior, past=past, **told)
    return Lessons(by_style)
