# `just` lists these; `just check` is what CI runs.

set positional-arguments

[private]
default:
    @just --list --unsorted

# Start everything on http://127.0.0.1:8000 with SQLite in ./data
run *args:
    cargo run -- "$@"

# Run the tests on SQLite
test *args:
    env -u TEST_POSTGRES_URL cargo test --workspace "$@"

# Run the tests on PostgreSQL: TEST_POSTGRES_URL, or a private one that ends with them
test-postgres *args:
    if [ -n "${TEST_POSTGRES_URL:-}" ]; then cargo test --workspace "$@"; else .ci/postgres with cargo test --workspace "$@"; fi

# Replay the recorded exchanges of the original (GOLDEN_DIR, GOLDEN_FILTER)
golden *args:
    cargo test -p e2e --test golden "$@"

# Format, then lint with warnings denied
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# Licences, banned crates, sources (needs cargo-deny)
deny:
    cargo deny check bans licenses sources

# PyJWT and SimpleJWT against a running server (needs python3)
interop:
    bash tests/interop/run.sh

# Measure beside limits and peers (needs wrk, PostgreSQL and HAProxy); --quick takes two minutes
bench *args:
    cargo run --release -p bench -- "$@"

# Build the images and test the composed services (needs a Docker engine)
composed:
    bash .ci/composed

# Everything that CI checks, as CI does it
check:
    bash .ci/run
