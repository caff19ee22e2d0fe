"""How the bucket of the copies should be: versions, a lock that nobody can shorten, and no right to delete."""

import json
from typing import Any

from sync.storage import Bucket

LOCK_DAYS = 35
ABORT_DAYS = 60  # longer than the longest absence that an upload may survive
# How long objects stay after their lock: by the tag that they are written with. Nothing young, nothing newest.
EXPIRY_DAYS = {
    "log": 120,
    "base": 120,
    "daily": 60,
    "extra": 60,
    "weekly": 120,
    "monthly": 400,
    "yearly": 2600,
    "day": 400,  # of history, whose month then lies there as one
    "pattern": 400,  # shared ones are written anew before
}
TAG = "kept"


def make_bucket(bucket: Bucket, *, lock_days: int = LOCK_DAYS) -> None:
    """Make the bucket as recommended, with an administrator's credentials. Raises StoreTrouble."""
    region = bucket.place.region
    more: dict[str, Any] = {}
    if region and region != "us-east-1":
        more["CreateBucketConfiguration"] = {"LocationConstraint": region}
    bucket.call("create_bucket", ObjectLockEnabledForBucket=True, **more)
    bucket.call("put_bucket_versioning", VersioningConfiguration={"Status": "Enabled"})
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": lock_days}}
    bucket.call(
        "put_object_lock_configuration",
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
    )
    bucket.call("put_bucket_lifecycle_configuration", LifecycleConfiguration=describe_lifecycle())
    bucket.call("put_bucket_policy", Policy=json.dumps(describe_bucket_policy(bucket.place.bucket)))


def describe_lifecycle() -> dict[str, Any]:
    """What the provider removes by itself."""
    rules: list[dict[str, Any]] = [
        {
            "ID": "unfinished-uploads",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_DAYS},
        }
    ]
    rules += [
        {
            "ID": f"expire-{kind}",
            "Status": "Enabled",
            "Filter": {"Tag": {"Key": TAG, "Value": kind}},
            "Expiration": {"Days": days},
        }
        for kind, days in EXPIRY_DAYS.items()
    ]
    return {"Rules": rules}


def describe_bucket_policy(bucket: str) -> dict[str, Any]:
    """The bucket's own policy: nobody deletes, whatever his rights are elsewhere; only lifecycle does."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "NobodyDeletes",
                "Effect": "Deny",
                "Principal": "*",
                "Action": [
                    "s3:DeleteObject",
                    "s3:DeleteObjectVersion",
                    "s3:BypassGovernanceRetention",
                ],
                "Resource": [f"arn:aws:s3:::{bucket}/*"],
            }
        ],
    }


def describe_policy(
    bucket: str, prefix: str, site: str, *, pool: str | None, writes: bool
) -> dict[str, Any]:
    """The policy of credentials: an appliance's (`writes`), or the kit's, which only read."""
    folder = f"{prefix}/" if prefix else ""
    own = [f"{folder}v1/sites/{site}/*", f"{folder}v1/history/table=*/site={site}/*"]
    seen = own + ([f"{folder}v1/pool/{pool}/*"] if pool else [])
    written = own + ([f"{folder}v1/pool/{pool}/{site}/*"] if pool else [])
    arn = f"arn:aws:s3:::{bucket}"

    def allow(name: str, actions: list[str], keys: list[str]) -> dict[str, Any]:
        return {
            "Sid": name,
            "Effect": "Allow",
            "Action": actions,
            "Resource": [f"{arn}/{key}" for key in keys],
        }

    statements = [
        allow("Read", ["s3:GetObject", "s3:GetObjectVersion"], seen),
        {
            "Sid": "List",
            "Effect": "Allow",
            "Action": ["s3:ListBucket", "s3:ListBucketVersions"],
            "Resource": [arn],
            "Condition": {"StringLike": {"s3:prefix": seen}},
        },
    ]
    if writes:
        actions = ["s3:PutObject", "s3:PutObjectTagging", "s3:ListMultipartUploadParts"]
        statements.append(allow("Write", actions, written))
    return {"Version": "2012-10-17", "Statement": statements}
