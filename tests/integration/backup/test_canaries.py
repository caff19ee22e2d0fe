"""What lies on the NAS tells nothing to whoever finds the NAS alone: canaries are planted and looked for."""

import hashlib
from collections.abc import Callable

from tests.integration.backup.conftest import Cellar
from tests.read_files import read_files

# Random letters, so that no packing hides them.
CANARY = hashlib.sha256(b"a grower's name").hexdigest()


def test_copies_on_the_nas_hold_no_word_of_the_book_and_no_secret(
    make_cellar: Callable[..., Cellar],
) -> None:
    cellar = make_cellar()
    with cellar.connect() as connection:
        connection.execute("INSERT INTO control VALUES (1, %s)", (CANARY,))
    cellar.start_stream()
    cellar.write(2, 10)
    cellar.await_shipped()
    done = cellar.run("dump")
    assert done.returncode == 0, done.stderr
    # It is there to be found: in the server's own files, which never leave it.
    assert any(CANARY.encode() in told for _, told in read_files(cellar.settings.data))
    secrets = {CANARY.encode()}
    for path, told in read_files(cellar.settings.secrets_dir):
        assert len(told.strip()) >= 16, f"{path.name} is too short to be looked for"
        secrets.add(told.strip())
    secrets |= {line for line in cellar.kit.read_bytes().split() if line.startswith(b"AGE-SECRET")}
    assert len(secrets) > 4

    copies = list(read_files(cellar.nas))

    assert {"base", "snap", "wal"} <= {part for path, _ in copies for part in path.parts}, [
        str(path.relative_to(cellar.nas)) for path, _ in copies
    ]
    leaks = [
        path.relative_to(cellar.nas)
        for path, told in copies
        for secret in secrets
        if secret in told or secret in str(path).encode()
    ]
    assert leaks == []
