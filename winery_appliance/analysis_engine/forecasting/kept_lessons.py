"""Lessons as bytes: plain arrays and JSON, signed, never pickled objects.

What another bank, another format or another version of the library was learned with is not read, and nothing is unpacked
before its signature was found right.
"""

import hashlib
import hmac
import json
from dataclasses import asdict, fields
from importlib.metadata import version
from io import BytesIO
from typing import Any

import numpy as np

from winery_appliance.analysis_engine.forecasting.lessons import (
    Correction,
    Early,
    Lessons,
    Mix,
    StyleLessons,
)
from winery_appliance.analysis_engine.forecasting.members import Courses
from winery_appliance.analysis_engine.forecasting.signs import SIGNS
from winery_appliance.analysis_engine.forecasting.sources import PastCourses, guess_bank_prior
from winery_appliance.analysis_engine.forecasting.trees import Trees

# Changes with every change of what a lesson says or is made from; older ones are then learned anew, and the shipped one
# has to be trained anew (`scripts/train_prior.py`), since nobody asks it before.
FORMAT = 7
# Trees that another version grew would be grown otherwise today.
LIBRARY = f"scikit-learn {version('scikit-learn')}"
_SIGNATURE = 32  # bytes of HMAC-SHA256 before the content

Arrays = dict[str, Any]
_TREE_ARRAYS = ("column", "limit", "left", "right", "value", "roots")


def pack_lessons(lessons: Lessons, key: bytes) -> bytes:
    """`lessons` as bytes, signed with `key`."""
    arrays: Arrays = {}
    told: dict[str, object] = {}
    for style, one in lessons.by_style.items():
        told[style] = {
            "usual_c": one.usual_c,
            "bank_weight": one.bank_weight,
            "widening": one.widening,
            "ferments": one.ferments,
            "brisk_brix_per_day": one.brisk_brix_per_day,
            "step": one.past.courses.step if one.past else None,
        }
        arrays[f"{style}/prior"] = one.prior
        if one.past:
            arrays[f"{style}/shares"] = one.past.courses.shares
            arrays[f"{style}/log_likely"] = one.past.courses.log_likely
            arrays[f"{style}/brix0"] = one.past.brix0
            arrays[f"{style}/yan_mg_l"] = one.past.yan_mg_l
    facts = {
        "format": FORMAT,
        "library": LIBRARY,
        "signs": SIGNS,
        "styles": told,
        "stops": lessons.stops,
        "correction": _pack_correction(lessons.correction, arrays),
        "early": _pack_early(lessons.early, arrays),
    }
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
    packed = BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **arrays)
    content = packed.getvalue()
    return _sign(content, key) + content


def unpack_lessons(packed: bytes, key: bytes) -> Lessons | None:
    """What `pack_lessons` packed; None for a signature that is not `key`'s, another format, library or bank."""
    signature, content = packed[:_SIGNATURE], packed[_SIGNATURE:]
    if not hmac.compare_digest(signature, _sign(content, key)):
        return None
    with np.load(BytesIO(content), allow_pickle=False) as kept:
        facts = json.loads(kept["facts"].tobytes())
        made_with = [facts["format"], facts["library"], tuple(facts["signs"])]
        if made_with != [FORMAT, LIBRARY, SIGNS]:
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
        correction, early = facts["correction"], facts["early"]
        return Lessons(
            by_style,
            stops=facts["stops"],
            correction=correction
            and Correction(
                _unpack_trees("correction", correction["trees"], kept), correction["say"]
            ),
            early=early
            and Early(_unpack_trees("early", early["trees"], kept), Mix(**early["mix"])),
        )


def _sign(content: bytes, key: bytes) -> bytes:
    return hmac.new(key, content, hashlib.sha256).digest()


def _pack_correction(correction: Correction | None, arrays: Arrays) -> dict[str, Any] | None:
    if correction is None:
        return None
    return {"say": correction.say, "trees": _pack_trees("correction", correction.trees, arrays)}


def _pack_early(early: Early | None, arrays: Arrays) -> dict[str, Any] | None:
    if early is None:
        return None
    trees = _pack_trees("early", early.trees, arrays)
    return {"mix": asdict(early.mix), "trees": trees}


def _pack_trees(name: str, trees: Trees, arrays: Arrays) -> dict[str, float]:
    for part in _TREE_ARRAYS:
        arrays[f"{name}/{part}"] = getattr(trees, part)
    return {"depth": trees.depth, "base": trees.base}


def _unpack_trees(name: str, told: dict[str, Any], kept: Any) -> Trees:
    assert {field.name for field in fields(Trees)} == {*_TREE_ARRAYS, *told}
    return Trees(**{part: kept[f"{name}/{part}"] for part in _TREE_ARRAYS}, **told)
