# One image for every process of ours: web, worker, scheduler, copies, and the preparation of the database. PostgreSQL's programs are
# in it too, from the locked wheel: copies and restores need them.
# Built by ./scripts/image, which lays out what goes in; a build fetches nothing and runs without a network.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG SOURCE_DATE_EPOCH=0
# pip comes from an environment that stays behind. Byte code that is never checked against a file's time, and one time for
# all files and for the folders above them, make two builds of the same source alike.
RUN --mount=type=bind,source=build/image,target=/in \
    python3 -m venv /tmp/pip \
    && python3 -m venv --without-pip /opt/winery \
    && /tmp/pip/bin/python -m pip --disable-pip-version-check --python /opt/winery/bin/python \
        install --quiet --no-index --no-deps --no-compile --no-cache-dir /in/wheels/*.whl \
    && /opt/winery/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/winery/lib \
    && mkdir -p /opt/winery/share \
    && ln -s ../lib/python3.11/site-packages/winery_appliance/static /opt/winery/share/static \
    && /opt/winery/bin/python -I /in/sbom.py /in/package-lock.json > /opt/winery/share/sbom.cdx.json \
    && mkdir -p /image/opt && mv /opt/winery /image/opt/ \
    && install --directory --mode=0700 --owner=10001 --group=10001 /image/var/lib/winery \
    && find /image -exec touch --no-dereference --date=@${SOURCE_DATE_EPOCH} {} +

FROM ${PYTHON_IMAGE}
ARG VERSION=0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG PYTHON_IMAGE
LABEL org.opencontainers.image.title="Winery appliance" \
    org.opencontainers.image.description="The fermentation book of a winery: web, worker, scheduler, copies and preparation" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}" \
    org.opencontainers.image.base.name="${PYTHON_IMAGE}"
COPY --from=build /image/ /
ENV PATH=/opt/winery/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A number without a name: the image needs no account of its own, and the appliance's files on the host carry this number.
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080
ENTRYPOINT ["winery"]
CMD ["--help"]
