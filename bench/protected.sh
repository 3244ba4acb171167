#!/usr/bin/env bash
# What does authentication cost a service? The example's /protected against its /open: the same
# body, the same request headers, alternating. Targets:
#
#   one      one token                                  0.95 of the rate
#   many     10,000 tokens in turn                      0.90
#   revoked  the same while a million revocations live  0.90
#   first    tokens that were not seen before           1.25 raw signature verifications more CPU time
#
#   DURATION=5s ROUNDS=5    of each run, of the whole
#   CONNECTIONS=32 THREADS=1    of wrk
#   TOKENS_IN_TURN=10000 SESSIONS=100    how many tokens "many" is, and of how many logins
#   REVOCATIONS=1000000     how many revocations live in "revoked"; 0 leaves it out
#   TESSERA_BIN, PROTECTED_BIN, VERIFY_COST_BIN    binaries; built here in release mode by default
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=.ci/servers.sh
source "$here/../.ci/servers.sh"
# shellcheck source=bench/measure.sh
source "$here/measure.sh"

DURATION=${DURATION:-5s} ROUNDS=${ROUNDS:-5} CONNECTIONS=${CONNECTIONS:-32} THREADS=${THREADS:-1}
TOKENS_IN_TURN=${TOKENS_IN_TURN:-10000} SESSIONS=${SESSIONS:-100} REVOCATIONS=${REVOCATIONS:-1000000}

need wrk 'apt-get install wrk'
need curl 'apt-get install curl'
need python3 'apt-get install python3'
if [[ -z ${TESSERA_BIN:-} || -z ${PROTECTED_BIN:-} || -z ${VERIFY_COST_BIN:-} ]]; then
    (cd -- "$here/.." && cargo build --quiet --release -p tessera -p protected-service -p e2e)
fi
target=${CARGO_TARGET_DIR:-$here/../target}/release
tessera=${TESSERA_BIN:-$target/tessera}
protected=${PROTECTED_BIN:-$target/protected-service}
verify_cost=${VERIFY_COST_BIN:-$target/verify_cost}

work=$(mktemp -d "${TMPDIR:-/tmp}/tessera-bench.XXXXXX")
trap 'stop_servers; rm -rf -- "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- Servers ------------------------------------------------------------------------------------

unset "${!AUTH_@}" "${!ORG_@}" REVOCATION
# Longer than the benchmark, whatever DURATION and ROUNDS are; without rotation a refresh writes
# nothing, so that the tokens come quickly.
export AUTH_ISSUER=http://tessera.bench AUTH_ACCESS_TOKEN_LIFETIME=12h AUTH_ROTATE_REFRESH_TOKENS=false
SERVICE_SECRET=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export SERVICE_SECRET
password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')

start_tessera() {
    start_server tessera "$tessera" serve --port 0 --data "$work/data"
    api=$server_url issuer=$management_url tessera_pid=$server_pid
    [[ -n $issuer ]] || die 'tessera printed no management address'
}

# start_service CACHE: the example with so large a cache. It listens once it knows what is revoked.
start_service() {
    AUTH_TOKEN_CACHE=$1 start_server protected-service "$protected" --issuer "$issuer" --listen 127.0.0.1:0
    service=$server_url service_pid=$server_pid
}

# Resident memory of a process in MB.
resident() {
    awk '$1 == "VmRSS:" { printf "%.1f", $2 / 1024 }' "/proc/$1/status"
}

start_tessera
printf '%s\n' "$password" | "$tessera" createsuperuser --data "$work/data" \
    --username bench --email bench@example.com --password-stdin >"$work/createsuperuser.log" 2>&1 ||
    { cat -- "$work/createsuperuser.log" >&2; die 'createsuperuser failed'; }
start_service "$((TOKENS_IN_TURN > 10000 ? TOKENS_IN_TURN : 10000))"
idle=$(resident "$service_pid")
printf '%s\n' "$password" |
    python3 "$here/tokens.py" access "$api" bench "$TOKENS_IN_TURN" "$SESSIONS" >"$work/many"
head -n 1 -- "$work/many" >"$work/one"

# A ratio between different answers would mean nothing.
authorization="Authorization: Bearer $(cat -- "$work/one")"
open_body=$(curl -sS --fail -H "$authorization" "$service/open")
protected_body=$(curl -sS --fail -H "$authorization" "$service/protected")
[[ $open_body == "$protected_body" ]] || die "/open says $open_body, /protected $protected_body"
refusal=$(curl -sS -o /dev/null -w '%{http_code}' "$service/protected")
[[ $refusal == 401 ]] || die "/protected without a token answers $refusal"

# --- Measuring ----------------------------------------------------------------------------------

export BENCH_FOLDER=$here TOKENS

# measure NAME FILE: pairs of runs with the tokens of FILE, under that name.
measure() {
    local round path pair
    TOKENS=$work/$2
    # Warm: every token has been seen, every worker has run.
    DURATION=2s load "$service_pid" "$THREADS" "$CONNECTIONS" "$here/tokens.lua" "$service/protected"
    for ((round = 1; round <= ROUNDS; round++)); do
        # Every other round the other way about, so that a drift of the machine cancels out.
        if ((round % 2)); then pair=(open protected); else pair=(protected open); fi
        for path in "${pair[@]}"; do
            load "$service_pid" "$THREADS" "$CONNECTIONS" "$here/tokens.lua" "$service/$path"
            printf '%s %s\n' "$rate" "$cpu_us" >>"$work/$path-$1"
        done
    done
}

# Field FIELD of every run of PATH under NAME.
column() {
    cut -d ' ' -f "$1" -- "$work/$2-$3"
}

# report NAME: medians and ratios.
report() {
    local path field under over what
    local -a ratios
    for path in open protected; do
        # shellcheck disable=SC2046 # numbers, one per line
        printf '%-9s /%-12s %9s requests/s %8s µs of CPU time each\n' "$1:" "$path" \
            "$(median $(column 1 "$path" "$1"))" "$(median $(column 2 "$path" "$1"))"
    done
    for field in 1 2; do
        ratios=()
        while read -r under over; do ratios+=("$(ratio "$over" "$under")"); done \
            < <(paste -d ' ' <(column "$field" open "$1") <(column "$field" protected "$1"))
        what=$([[ $field == 1 ]] && printf 'rate' || printf 'CPU time')
        printf '%-9s %-8s /protected to /open, median %s   pairs: %s\n' \
            "$1:" "$what" "$(median "${ratios[@]}")" "${ratios[*]}"
    done
}

machine
printf '%s rounds of %s, %s connections, %s tokens of %s sessions in turn\n\n' \
    "$ROUNDS" "$DURATION" "$CONNECTIONS" "$TOKENS_IN_TURN" "$SESSIONS"
# Medians of one thread, without HTTP.
"$verify_cost" | tee -- "$work/verify"
raw_us=$(sed -nE 's/^raw_verify_us=([0-9.]+) .*/\1/p' "$work/verify")
printf '\n'

measure one one
report one
measure many many
report many
printf 'memory:   %s MB, %s MB when idle\n\n' "$(resident "$service_pid")" "$idle"
stop_server "$service_pid"

# With room for one token, each request of many in turn is the first of its token.
start_service 1
measure first many
report first
# shellcheck disable=SC2046 # numbers, one per line
awk -v open="$(median $(column 2 open first))" -v protected="$(median $(column 2 protected first))" \
    -v raw="$raw_us" 'BEGIN {
        printf "first:    %.1f µs more than /open, %.2f of one raw verification (%.1f µs)\n\n",
            protected - open, (protected - open) / raw, raw }'
stop_server "$service_pid"

if ((REVOCATIONS)); then
    stop_server "$tessera_pid"
    python3 "$here/revocations.py" "$work/data/auth.db" "$REVOCATIONS"
    start_tessera
    began=$EPOCHREALTIME
    start_service "$((TOKENS_IN_TURN > 10000 ? TOKENS_IN_TURN : 10000))"
    awk -v from="$began" -v to="$EPOCHREALTIME" -v count="$REVOCATIONS" -v memory="$(resident "$service_pid")" \
        -v idle="$idle" 'BEGIN {
            printf "revoked:  %d live revocations: ready after %.2f s, %s MB, %s MB without\n",
                count, to - from, memory, idle }'
    measure revoked many
    report revoked
fi
