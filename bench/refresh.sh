#!/usr/bin/env bash
# How near does refresh with rotation, on PostgreSQL, come to its composed limit: what no
# implementation could avoid, each part measured alone at the same concurrency on the same cores?
#
#   limit = C / (C/bare + C/statement + C/crypto)   requests/s; target: 0.65 of it
#
#   bare        the example's GET /open, no token looked at
#   statement   the same UPDATE ... RETURNING on the same table through pgbench -M prepared
#   crypto      one Ed25519 signature and two HMAC-SHA256, on all cores
#
# Every connection goes on with the refresh token of its last answer, as clients do.
#
#   DURATION=5s ROUNDS=5    of each run, of the whole
#   CONNECTIONS=16
#   AUTH_BIN, PROTECTED_BIN    binaries; built here in release mode by default
#   CRYPTO_US    µs of cryptography per refresh on one core; measured here by default
#   PG_SETTINGS  further settings of PostgreSQL. By default it does not wait for the disk, which
#                makes the limit harder to reach: a slow disk would hide what we cost.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=.ci/servers.sh
source "$here/../.ci/servers.sh"
# shellcheck source=bench/measure.sh
source "$here/measure.sh"

DURATION=${DURATION:-5s} ROUNDS=${ROUNDS:-5} CONNECTIONS=${CONNECTIONS:-16}
seconds=${DURATION%s}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die "DURATION=$DURATION: whole seconds, please"

need wrk 'apt-get install wrk'
need python3 'apt-get install python3'
need psql 'apt-get install postgresql'
need pgbench 'apt-get install postgresql'
if [[ -z ${AUTH_BIN:-} || -z ${PROTECTED_BIN:-} ]]; then
    (cd -- "$here/.." && cargo build --quiet --release -p auth-service -p protected-service)
fi
target=${CARGO_TARGET_DIR:-$here/../target}/release
auth=${AUTH_BIN:-$target/auth-service}
protected=${PROTECTED_BIN:-$target/protected-service}

work=$(mktemp -d "${TMPDIR:-/tmp}/tessera-bench.XXXXXX")
# In /tmp, for the account that runs the server must get there.
database=$(mktemp -d /tmp/tessera-postgres.XXXXXX)
cleanup() {
    stop_servers
    "$here/../.ci/postgres" stop "$database" || true
    rm -rf -- "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- Cryptography, alone ------------------------------------------------------------------------

if [[ -z ${CRYPTO_US:-} ]]; then
    # Prints ed25519_sign_us=N and hmac_sha256_us=N, one core each.
    (cd -- "$here/.." && cargo run --quiet --release -p e2e --bin crypto_cost) >"$work/crypto" ||
        die 'crypto_cost failed; CRYPTO_US gives its result by hand'
    CRYPTO_US=$(tr ' ' '\n' <"$work/crypto" | awk -F = '
        $1 == "ed25519_sign_us" { sign = $2 }
        $1 == "hmac_sha256_us" { mac = $2 }
        END { if (!sign || !mac) exit 1; print sign + 2 * mac }') || die "crypto_cost printed no figures"
fi
crypto_rate=$(awk "BEGIN { printf \"%.0f\", $(nproc) * 1e6 / $CRYPTO_US }")

# --- Servers ------------------------------------------------------------------------------------

unset "${!AUTH_@}" "${!ORG_@}" REVOCATION
server=$("$here/../.ci/postgres" start "$database")
psql --quiet --no-psqlrc --command 'CREATE DATABASE auth' "$server"
AUTH_DATABASE_URL=${server%/*}/auth
AUTH_KEY_ENCRYPTION_KEY=$(head -c 32 /dev/urandom | base64 -w 0)
SERVICE_SECRET=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
AUTH_ISSUER=http://tessera.bench AUTH_LISTEN=127.0.0.1:0 AUTH_MANAGEMENT_LISTEN=127.0.0.1:0
export AUTH_DATABASE_URL AUTH_KEY_ENCRYPTION_KEY SERVICE_SECRET AUTH_ISSUER AUTH_LISTEN AUTH_MANAGEMENT_LISTEN
password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')

start_server auth-service "$auth" serve
api=$server_url auth_pid=$server_pid
[[ -n $management_url ]] || die 'auth-service printed no management address'
printf '%s\n' "$password" | "$auth" user create \
    --username bench --email bench@example.com --password-stdin >"$work/user.log" 2>&1 ||
    { cat -- "$work/user.log" >&2; die 'user create failed'; }
start_server protected-service "$protected" --issuer "$management_url" --listen 127.0.0.1:0
bare=$server_url/open bare_pid=$server_pid

# --- The statement, alone -----------------------------------------------------------------------

sql() {
    psql --quiet --no-psqlrc --no-align --tuples-only --command "$1" "$AUTH_DATABASE_URL"
}

columns=$(sql "SELECT count(*) FROM information_schema.columns WHERE table_name = 'sessions'
    AND column_name IN ('id', 'generation', 'rotated_at', 'expires_at', 'revoked_at')")
[[ $columns == 5 ]] || die 'the table sessions lacks a column of the statement; adapt the script'

# Every client takes a session of its own and goes on with the generation that came back.
cat >"$work/rotate.sql" <<'SQL'
\if :generation < 0
SELECT id, generation FROM sessions WHERE revoked_at IS NULL ORDER BY id DESC OFFSET :client_id LIMIT 1 \gset
\endif
UPDATE sessions SET generation = generation + 1, rotated_at = now(), expires_at = now() + interval '1 day' WHERE id = :id AND generation = :generation AND revoked_at IS NULL AND expires_at > now() RETURNING * \gset
SQL

statement() {
    pgbench --no-vacuum --protocol prepared --file "$work/rotate.sql" --define generation=-1 --define id=none \
        --client "$CONNECTIONS" --jobs "$(nproc)" --time "$seconds" "$AUTH_DATABASE_URL" \
        >"$work/pgbench.out" 2>&1 || { cat -- "$work/pgbench.out" >&2; die 'pgbench failed'; }
    rate=$(sed -n 's/^tps = \([0-9]*\).*/\1/p' "$work/pgbench.out")
    [[ -n $rate && $rate -gt 0 ]] || { cat -- "$work/pgbench.out" >&2; die 'pgbench told no rate'; }
}

# --- Rounds -------------------------------------------------------------------------------------

export BENCH_FOLDER=$here TOKENS

log_in() {
    printf '%s\n' "$password" | python3 "$here/tokens.py" refresh "$api" bench "$CONNECTIONS" >"$work/refresh"
}

refresh() {
    log_in
    TOKENS=$work/refresh
    # One connection per thread, or the chains would mix.
    load "$auth_pid" "$CONNECTIONS" "$CONNECTIONS" "$here/refresh.lua" "$api"
}

bare_handler() {
    TOKENS=$work/none
    load "$bare_pid" "$CONNECTIONS" "$CONNECTIONS" "$here/tokens.lua" "$bare"
}

machine
printf '%s rounds of %s, %s connections, cryptography %s µs per refresh and core\n\n' \
    "$ROUNDS" "$DURATION" "$CONNECTIONS" "$CRYPTO_US"
printf 'none\n' >"$work/none"
DURATION=1s refresh
DURATION=1s bare_handler

refreshes=() cpus=() bares=() statements=() ratios=()
printf '%-6s %12s %14s %12s %12s %12s %8s\n' round refresh/s 'CPU µs each' bare/s statement/s limit/s ratio
for ((round = 1; round <= ROUNDS; round++)); do
    refresh
    refreshes+=("$rate") cpus+=("$cpu_us")
    bare_handler
    bares+=("$rate")
    statement
    statements+=("$rate")
    limit=$(awk "BEGIN { c = $CONNECTIONS
        printf \"%.0f\", c / (c / ${bares[-1]} + c / ${statements[-1]} + c / $crypto_rate) }")
    ratios+=("$(ratio "${refreshes[-1]}" "$limit")")
    printf '%-6s %12s %14s %12s %12s %12s %8s\n' "$round" "${refreshes[-1]}" "${cpus[-1]}" \
        "${bares[-1]}" "${statements[-1]}" "$limit" "${ratios[-1]}"
done
printf '\nmedian: %s refreshes/s, %s µs of CPU in the service each, %s of the composed limit\n' \
    "$(median "${refreshes[@]}")" "$(median "${cpus[@]}")" "$(median "${ratios[@]}")"
