"""Archives of copies: what is plain comes back as it was, what is not is refused and written nowhere."""

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.archives import extract_plain

NAMES = st.text("abc.-_ é", min_size=1, max_size=8).filter(lambda name: name.strip(". ") != "")


def pack(*members: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w|") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    buffer.seek(0)
    return buffer


def unpack(buffer: io.BytesIO, into: Path) -> None:
    with tarfile.open(fileobj=buffer, mode="r|") as archive:
        extract_plain(archive, into)


@given(
    st.dictionaries(st.tuples(NAMES, NAMES), st.binary(max_size=2000), max_size=4),
    st.integers(0, 0o777),
)
def test_plain_files_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, files: dict[tuple[str, str], bytes], mode: int
) -> None:
    into = tmp_path_factory.mktemp("into")
    members = []
    for (folder, name), data in files.items():
        member = tarfile.TarInfo(f"d{folder}/f{name}")
        member.mode, member.uid, member.uname = mode, 4711, "postgres"
        members.append((member, data))
    unpack(pack(*members), into)
    found = {path for path in into.rglob("*") if path.is_file()}
    assert found == {into / member.name for member, _ in members}
    for member, data in members:
        path = into / member.name
        assert path.read_bytes() == data
        facts = path.stat()
        assert facts.st_uid == into.stat().st_uid
        assert facts.st_mode & 0o777 == mode & 0o755 | 0o600


def odd(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    "member",
    [
        odd("/etc/passwd"),
        odd("../outside"),
        odd("a/../../outside"),
        odd("way", tarfile.SYMTYPE, "../.."),
        odd("way", tarfile.LNKTYPE, "../outside"),
        odd("queue", tarfile.FIFOTYPE),
        odd("disk", tarfile.BLKTYPE),
    ],
    ids=lambda member: f"{member.name}-{member.type.decode()}",
)
def test_what_is_not_plain_is_refused_and_written_nowhere(
    tmp_path: Path, member: tarfile.TarInfo
) -> None:
    into = tmp_path / "into" / "deep"
    into.mkdir(parents=True)
    with pytest.raises(tarfile.TarError, match="not a plain file"):
        unpack(pack((odd("first"), b"kept"), (member, b"")), into)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["first"]
