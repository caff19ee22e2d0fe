"""Unpacking the archives of copies, alike in every Python 3.11: Debian 12's does not know tarfile's own filters yet."""

import os
import tarfile
from pathlib import Path, PurePosixPath


def extract_plain(archive: tarfile.TarFile, into: Path) -> None:
    """Unpack directories and regular files below `into`, as files of this process that nobody else may write.

    Raises tarfile.TarError at the first member that is something else, or that would lie elsewhere; what came before it
    stays. There is none in an archive of ours.
    """
    # What newer Pythons would do by themselves is done here, so that all do the same.
    archive.extraction_filter = staticmethod(lambda member, _: member)
    for member in archive:
        place = PurePosixPath(member.name)
        if place.is_absolute() or ".." in place.parts or not (member.isreg() or member.isdir()):
            raise tarfile.ExtractError(f"{member.name} is not a plain file of a copy")
        member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""
        member.mode = member.mode & 0o755 | (0o700 if member.isdir() else 0o600)
        archive.extract(member, into)
