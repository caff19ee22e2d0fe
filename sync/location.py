"""The address of a bucket."""

from dataclasses import dataclass
from pathlib import Path

from backup.refusals import CouldNotRun


@dataclass(frozen=True)
class Location:
    """A bucket, the folder in it, and how to get there. Without `credentials` the AWS variables hold."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    credentials: Path | None = None

    @classmethod
    def parse(
        cls,
        address: str,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        credentials: Path | None = None,
    ) -> "Location":
        """From `s3://bucket/prefix`. Raises CouldNotRun."""
        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        if not address.startswith("s3://") or not bucket:
            raise CouldNotRun(f"{address} is no address of a bucket, like s3://bucket/folder.")
        return cls(bucket, prefix.strip("/"), endpoint, region, credentials)

    def __str__(self) -> str:
        return f"s3://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    def key(self, name: str) -> str:
        """The whole key of an object."""
        return f"{self.prefix}/{name}" if self.prefix else name
