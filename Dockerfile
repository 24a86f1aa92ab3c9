# The image of AiChat: one file on a base without a shell, with CA certificates and time zones, as an unprivileged user.
#
#   ./scripts/publish && ./scripts/image          # lays the file where this takes it from, and builds with docker or podman
#   ./scripts/image debian                        # the second image, with sh, curl and wget for panels that insist on them
#
# The file is built before, not here, so that the image holds the same bytes as the release. scripts/rehearse-container carries out these
# instructions without an engine.

# glibc, CA certificates, time zones and a user list: all that the file needs. Distroless "static" has no C library, "cc" adds libstdc++
# and libgcc, "base" adds OpenSSL, which the file holds itself. Named by tag, because its digest changes with every security update of
# glibc: a release looks the digest up, builds from it and keeps it in a label, and scripts/image pin writes it here. A mirror can be given
# instead: --build-arg DISTROLESS=mirror.example.com/distroless/base-nossl-debian12:nonroot
ARG DISTROLESS=gcr.io/distroless/base-nossl-debian12:nonroot
ARG DEBIAN=docker.io/library/debian:12-slim
ARG VARIANT=plain

FROM ${DISTROLESS} AS plain

FROM ${DEBIAN} AS debian
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl tzdata wget && rm -rf /var/lib/apt/lists/*

FROM ${VARIANT}
ARG TARGETARCH
ARG VERSION=dev
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="AiChat" \
      org.opencontainers.image.description="A chat platform for a team in one file" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.source="https://github.com/asheblog/aichat" \
      org.opencontainers.image.documentation="https://github.com/asheblog/aichat#readme" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
COPY --chmod=0755 artifacts/image/${TARGETARCH}/aichat /aichat
# An empty folder: a new named volume gets its owner from it.
COPY --chown=65532:65532 artifacts/image/root/ /
# SSL_CERT_FILE is left to a certificate of one's own, which then comes to those of the folder.
# docker stop kills after ten seconds, so running answers end before that; a longer stop_grace_period allows more. When an update starts
# the new container before the old one has ended, the new one waits.
ENV PATH=/:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    DATA_DIR=/app/data \
    SSL_CERT_DIR=/etc/ssl/certs \
    SHUTDOWN_GRACE_SECONDS=8 \
    AICHAT_WAIT_FOR_FOLDER=60
WORKDIR /app
VOLUME /app/data
EXPOSE 8001
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["/aichat", "healthcheck"]
ENTRYPOINT ["/aichat"]
