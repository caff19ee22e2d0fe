"""What a server believes of a bundle: signature first, then every file, and nothing beside them."""

import hashlib
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from appliance.bundle import check_bundle, open_bundle, take_release
from appliance.layout import Layout
from appliance.refusals import Refused

FILES = {
    "release/compose.yaml": "services: {}\n",
    "release/nginx/nginx.conf": "# front\n",
    "images.tar.gz": "i",
}


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    openssl("genpkey", "-algorithm", "ed25519", "-out", tmp_path / "key.pem")
    openssl("pkey", "-in", tmp_path / "key.pem", "-pubout", "-out", tmp_path / "release.pub")
    return tmp_path / "release.pub"


@pytest.fixture
def bundle(tmp_path: Path, key: Path) -> Path:
    folder = tmp_path / "bundle"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in FILES.items()}
    image = {"name": "winery-appliance:1", "id": "sha256:1"}
    told = {"version": "1", "images": {"WINERY_IMAGE": image}, "files": digests}
    (folder / "manifest.json").write_text(json.dumps(told))
    sign(folder, key.with_name("key.pem"))
    return folder


def sign(folder: Path, key: Path) -> None:
    given = ("-in", folder / "manifest.json", "-out", folder / "manifest.json.sig")
    openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, *given)


def test_what_its_maker_signed_is_taken_and_nothing_beside_it(
    tmp_path: Path, bundle: Path, key: Path
) -> None:
    (bundle / "release/nginx/more.conf").write_text("listen 5432;")
    assert check_bundle(bundle, key)["version"] == "1"
    layout = Layout(tmp_path / "root")
    release = take_release(layout, bundle)
    there = {path.relative_to(release.folder).as_posix() for path in release.folder.rglob("*")}
    assert there == {"compose.yaml", "nginx", "nginx/nginx.conf", "manifest.json", "images.env"}
    assert release.images_file.read_text() == "WINERY_IMAGE=winery-appliance:1\n"
    assert take_release(layout, bundle) == release


@pytest.mark.parametrize("name", [*FILES, "manifest.json", "manifest.json.sig"])
@pytest.mark.parametrize("fault", ["changed", "gone"])
def test_a_bundle_that_was_touched_is_refused(
    bundle: Path, key: Path, name: str, fault: str
) -> None:
    if fault == "gone":
        (bundle / name).unlink()
    else:
        with (bundle / name).open("ab") as file:
            file.write(b" ")
    with pytest.raises(Refused, match=r"Nothing was changed"):
        check_bundle(bundle, key)


def test_somebody_elses_bundle_is_refused(tmp_path: Path, bundle: Path, key: Path) -> None:
    openssl("genpkey", "-algorithm", "ed25519", "-out", tmp_path / "other.pem")
    sign(bundle, tmp_path / "other.pem")
    with pytest.raises(Refused, match=r"not signed by the maker"):
        check_bundle(bundle, key)


def test_an_archive_is_unpacked_also_where_python_has_no_filters(
    tmp_path: Path, bundle: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian 12 brings Python 3.11.2."""
    whole = tarfile.TarFile.extractall

    def extractall(archive: tarfile.TarFile, path: str, members: object = None) -> None:
        whole(archive, path, members)  # type: ignore[arg-type]

    monkeypatch.setattr(tarfile.TarFile, "extractall", extractall)
    with tarfile.open(tmp_path / "good.tar", "w") as archive:
        archive.add(bundle, "winery")
    with open_bundle(tmp_path / "good.tar", key, tmp_path / "state") as folder:
        assert {file.stat().st_mode & 0o7777 for file in folder.rglob("*") if file.is_file()} == {
            0o644
        }


def test_an_archive_that_climbs_out_or_is_cut_off_is_refused(
    tmp_path: Path, bundle: Path, key: Path
) -> None:
    good = tmp_path / "good.tar"
    with tarfile.open(good, "w") as archive:
        archive.add(bundle, "winery")
    with open_bundle(good, key, tmp_path / "state") as folder:
        assert (folder / "manifest.json").is_file()
    (tmp_path / "cut.tar").write_bytes(good.read_bytes()[:3000])
    with tarfile.open(tmp_path / "climbing.tar", "w") as archive:
        archive.add(bundle, "../../outside")
    with tarfile.open(tmp_path / "linking.tar", "w") as archive:
        link = tarfile.TarInfo("winery")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "outside")
        archive.addfile(link)
        archive.add(bundle, "winery/more")
    for name in ("cut", "climbing", "linking"):
        with pytest.raises(Refused), open_bundle(tmp_path / f"{name}.tar", key, tmp_path / "state"):
            pass
    assert not (tmp_path / "outside").exists()
    assert list((tmp_path / "state").iterdir()) == []
