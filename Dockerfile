# Both services, one image each:
#
#     docker build --target auth-service -t tessera/auth-service .
#     docker build --target org-service -t tessera/org-service .
#
# Needs BuildKit. What cargo downloads and what it compiles lie in cache mounts: a change of ours
# compiles ours alone, a change of Cargo.lock the crates that it names.

FROM rust:1.95-slim-bookworm AS build
# For the C libraries that are built from source (OpenSSL under libpq, SQLite, AWS-LC).
RUN if ! command -v cc || ! command -v make || ! perl -MIPC::Cmd -e 1; then \
        apt-get update \
        && apt-get install -y --no-install-recommends gcc libc6-dev make perl \
        && rm -rf /var/lib/apt/lists/*; \
    fi
WORKDIR /tessera
COPY . .
# Cargo tells what is new by time of change, and a copied file keeps its own: one from before the last
# build, out of an archive for example, would pass for built.
RUN --mount=type=cache,id=tessera-registry,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=tessera-target,target=/tessera/target,sharing=locked \
    find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
    && CARGO_PROFILE_RELEASE_STRIP=symbols \
       cargo build --release --locked --package auth-service --package org-service \
    && install -D -t /built target/release/auth-service target/release/org-service

# Not root, no shell script, nothing to write to. Certificates are for `AUTH_JWK_URL` over HTTPS. Who
# waits for another service is starting and not ill: hence the long start period of the health checks.
FROM debian:bookworm-slim AS service
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
USER 10001:10001

FROM service AS auth-service
COPY --from=build /built/auth-service /usr/local/bin/
EXPOSE 8001 9001
HEALTHCHECK --interval=2s --timeout=3s --retries=3 --start-period=5m CMD ["auth-service", "healthcheck"]
ENTRYPOINT ["auth-service"]
CMD ["serve"]

FROM service AS org-service
COPY --from=build /built/org-service /usr/local/bin/
EXPOSE 8002 9002
HEALTHCHECK --interval=2s --timeout=3s --retries=3 --start-period=5m CMD ["org-service", "healthcheck"]
ENTRYPOINT ["org-service"]
CMD ["serve"]
