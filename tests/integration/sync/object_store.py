"""A real object store (SeaweedFS) on loopback: it enforces signatures, locks, versions, conditions and permissions."""

import json
import os
import signal
import subprocess
import sysconfig
from pathlib import Path

from sync.bucket_setup import make_bucket
from sync.location import Location
from sync.storage import Bucket
from sync.troubles import StoreTrouble
from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.core.child_process import end_with_parent
from winery_appliance.core.postgres import find_free_port

WEED = str(Path(sysconfig.get_path("scripts"), "weed"))
HOME = "v1/sites/home/"
PROBE_S = 10.0


# Who may what, as SeaweedFS says it. `home`, `other` and `torre` are appliances of sites, `paper` is the kit's reader.
def _rights(site: str) -> list[str]:
    """An appliance: its own site's folder, and the pool, of which it writes its own part."""
    own, pool = f"cellar*/v1/sites/{site}/*", "cellar*/v1/pool/valley/*"
    lake = f"cellar*/v1/history/table=samples/site={site}/*"
    told = [f"{what}:{where}" for what in ("Read", "Write", "List") for where in (own, lake)]
    return [*told, f"Read:{pool}", f"List:{pool}", f"Write:cellar*/v1/pool/valley/{site}/*"]


RIGHTS = {
    "admin": ["Admin", "Read", "Write", "List", "Tagging"],
    "home": _rights("home"),
    "other": _rights("other"),
    "torre": _rights("torre"),
    "paper": ["Read:cellar*/v1/sites/home/*", "List:cellar*/v1/sites/home/*"],
}


class ObjectStore:
    """The running store; `place` names a bucket of it for somebody."""

    def __init__(
        self, folder: Path, *, address: str = "127.0.0.1", within: tuple[str, ...] = ()
    ) -> None:
        """`within`: what runs a program in the network that has `address`."""
        self.folder = folder
        self.address = address
        self._within = within
        self.port = find_free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._buckets = self._probes = 0
        (folder / "data").mkdir()
        identities = [
            {
                "name": name,
                "credentials": [
                    {"accessKey": f"KEY{name.upper():0<17}", "secretKey": f"secret-of-{name}"}
                ],
                "actions": actions,
            }
            for name, actions in RIGHTS.items()
        ]
        (folder / "s3.json").write_text(json.dumps({"identities": identities}))
        for name in RIGHTS:
            self.credentials(name).write_text(
                f"[default]\naws_access_key_id = KEY{name.upper():0<17}\n"
                f"aws_secret_access_key = secret-of-{name}\nregion = us-east-1\n"
            )
        ports = ["master.port", "volume.port", "filer.port"]
        ports += [f"{name}.grpc" for name in (*ports, "s3.port")]
        self._ports = {name: find_free_port() for name in ports}

    @property
    def endpoint(self) -> str:
        return f"http://{self.address}:{self.port}"

    def credentials(self, who: str) -> Path:
        """The file of somebody's credentials."""
        return self.folder / f"{who}.ini"

    def place(
        self, bucket: str, who: str, *, prefix: str = "", endpoint: str | None = None
    ) -> Location:
        """A bucket as somebody sees it."""
        return Location(bucket, prefix, endpoint or self.endpoint, None, self.credentials(who))

    def start(self) -> None:
        """Start it and wait until it answers."""
        quiet = ["-filer", "-s3", "-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=1000"]
        quiet += [
            "-master.volumeSizeLimitMB=32",
            "-volume.preStopSeconds=0",
            "-master.telemetry=false",
        ]
        command = [
            *self._within,
            WEED,
            "-logtostderr=true",
            "server",
            f"-dir={self.folder / 'data'}",
        ]
        command += [
            f"-ip={self.address}",
            f"-ip.bind={self.address}",
            f"-s3.port={self.port}",
            *quiet,
        ]
        command += [f"-{name}={port}" for name, port in self._ports.items()]
        command += [f"-s3.config={self.folder / 's3.json'}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                # One volume a bucket, not seven: those of thirty buckets were all that may be, then each put failed.
                env={
                    "PATH": os.defpath,
                    "HOME": str(self.folder),
                    "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1",
                },
                preexec_fn=end_with_parent(signal.SIGKILL),
            )
        wait_for(self._answers, "the object store")

    def _answers(self) -> bool:
        """Whether a bucket that is new takes an object: the store makes volumes for each, and answers 500 until then."""
        self._probes += 1
        probe = Bucket(self.place(f"cellar-probe-{self._probes}", "admin"))
        try:
            probe.call("create_bucket")
            wait_for(lambda: self._takes(probe), "room in a new bucket", PROBE_S)
        except (StoreTrouble, AssertionError):
            return False
        return True

    def _takes(self, bucket: Bucket) -> bool:
        try:
            bucket.put("ready", b"ready", replace=True)
        except StoreTrouble:
            return False
        return True

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def make_bucket(self, *, days: int = 35) -> str:
        """A bucket made as the product makes it."""
        self._buckets += 1
        name = f"cellar-{self._buckets}"
        make_bucket(Bucket(self.place(name, "admin")), lock_days=days)
        return name
