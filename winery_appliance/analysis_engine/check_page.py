"""The page that explains every check to a winemaker, in the check's own words."""

import textwrap
from collections.abc import Iterator
from dataclasses import asdict

from winery_appliance.analysis_engine.checks import Check, find_checks

_HEAD = """# What the analysis looks for

Every reading is judged by these rules. Each speaks of one trouble, keeps it open until it is over, and names the
readings it rests on. "Info" is worth knowing and no alarm. All limits are defaults. This page is written by
`winery analysis checks`.
"""
_WIDTH = 120


def describe_checks() -> str:
    """The whole page as Markdown, the checks by name."""
    checks = sorted(find_checks(), key=lambda check: check.title)
    return "\n".join([_HEAD, *("\n".join(_describe(check)) for check in checks)])


def _describe(check: Check) -> Iterator[str]:
    yield f"## {check.title} (`{check.id}`, at most {check.severity})\n"
    yield textwrap.fill(check.about, _WIDTH) + "\n"
    yield f"- Clears when: {check.clears}."
    yield f"- Limits: {_list_limits(check)}."
    yield f"- From: {check.sources}.\n"


def _list_limits(check: Check) -> str:
    """The limits, told apart by style only where they differ."""
    by_text: dict[str, list[str]] = {}
    for style, limits in sorted(check.parameters.items()):
        text = ", ".join(
            f"{name.replace('_', ' ')} {value:g}" for name, value in asdict(limits).items()
        )
        by_text.setdefault(text, []).append(style)
    if len(by_text) == 1:
        return next(iter(by_text))
    return "; ".join(f"{' and '.join(styles)}: {text}" for text, styles in by_text.items())
