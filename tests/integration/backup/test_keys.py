"""The kit is made once, and the setup counts only when it opened something."""

from collections.abc import Callable

import pyrage

from backup.keys import need_site
from backup.kit import read_kit
from tests.integration.backup.conftest import Cellar
from tests.read_files import read_files
from winery_appliance.core.clock import now


def test_the_kit_is_shown_once_and_kept_nowhere(cellar: Cellar) -> None:
    secret = read_kit(cellar.kit.read_text()).identity

    held = [
        path
        for folder in (cellar.settings.data, cellar.nas)
        for path, told in read_files(folder)
        if secret.encode() in told
    ]

    assert held == []
    for suffix in (".txt", ".html", ".pdf"):
        assert cellar.kit.with_suffix(suffix).stat().st_mode & 0o077 == 0
    again = cellar.run("keys", "init", "--kit", str(cellar.kit) + "2")
    assert again.returncode == 1
    assert "keys already" in again.stderr


def test_a_kit_counts_when_it_opened_the_trial_object(cellar: Cellar) -> None:
    assert not cellar.site.kit.is_proven(now())
    typed = cellar.kit.read_text().splitlines()[-1].lower()

    done = cellar.run("keys", "prove", "--identity", "-", typed=typed)

    assert done.returncode == 0, done.stderr
    assert cellar.site.kit.is_proven(now())


def test_another_key_or_a_typing_error_proves_nothing(cellar: Cellar) -> None:
    other = str(pyrage.x25519.Identity.generate())
    for typed in (other, other[:-1] + ("Q" if other[-1] != "Q" else "P")):
        done = cellar.run("keys", "prove", "--identity", "-", typed=typed)
        assert done.returncode == 4, done.stderr
    assert "kit 1" in cellar.run("keys", "prove", "--identity", "-", typed=other).stderr
    assert not cellar.site.kit.is_proven(now())


def test_a_new_kit_is_numbered_and_must_be_proven_anew(cellar: Cellar) -> None:
    assert cellar.run("keys", "prove", "--identity", str(cellar.kit)).returncode == 0
    second = str(cellar.kit) + ".new"

    assert cellar.run("keys", "rotate", "--kit", second).returncode == 0

    assert [kit.number for kit in cellar.site.kits] == [1, 2]
    assert not cellar.site.kit.is_proven(now())
    old = cellar.run("keys", "prove", "--identity", str(cellar.kit))
    assert old.returncode == 4
    assert "kit 1; kit 2" in old.stderr
    assert cellar.run("keys", "prove", "--identity", second).returncode == 0


def test_wrong_usage_ends_with_64(cellar: Cellar) -> None:
    assert cellar.run("keys", "init").returncode == 64
    assert cellar.run("nonsense").returncode == 64
    assert cellar.run("keys", "init", "--kit", "x", "--site", "A/B").returncode == 64


def test_strict_custody_leaves_no_key_that_opens_anything(
    make_cellar: Callable[..., Cellar],
) -> None:
    cellar = make_cellar(custody="strict")

    assert need_site(cellar.settings).recipients == [cellar.site.kit.recipient]
    kept = (cellar.settings.data / "backup" / "keys").iterdir()
    assert [path.name for path in kept] == ["signing"]
