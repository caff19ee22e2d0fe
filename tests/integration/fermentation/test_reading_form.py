"""The form on a wine's page that takes its readings, with times that no picker would send."""

import re

import pytest
from flask import Flask

from tests.conftest import PASSWORD, Cast
from tests.integration.browser import Browser
from tests.integration.conftest import Tank


@pytest.mark.parametrize(
    "time",
    [
        "0001-01-01T00:00",
        "0001-01-01T00:00+14:00",
        "9999-12-31T23:59-12:00",
        "9999-12-31T23:59",
        "yesterday",
        "2026-02-30T07:00",
        "\x00",
    ],
)
def test_a_time_that_cannot_be_is_told_and_nothing_is_saved(
    app: Flask, tank: Tank, cast: Cast, time: str
) -> None:
    bruno = Browser(app)
    assert bruno.sign_in("bruno", PASSWORD).status_code == 303
    page = bruno.client.get(f"/fermentations/{tank.id}").text
    form = re.search(rf'action="/fermentations/{tank.id}/samples".*?</form>', page, re.DOTALL)
    assert form is not None
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', form[0]))
    typed = {**hidden, "sugar": "22.0", "sugar_unit": "brix", "measured_at": time}
    refused = bruno.client.post(f"/fermentations/{tank.id}/samples", data=typed)
    assert refused.status_code == 422
    assert "Nothing was saved" in refused.text
    assert tank.api.get(f"/fermentations/{tank.id}/samples").json["items"] == []
