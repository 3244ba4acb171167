#!/usr/bin/env bash
# What does authentication cost a service? The example's /protected against its /open: the same
# body, the same request headers, alternating. Target: 0.95 of the rate with one token, 0.90 with
# many in turn.
#
#   DURATION=5s ROUNDS=5    of each run, of the whole
#   CONNECTIONS=32 THREADS=1    of wrk
#   TOKENS_IN_TURN=200      how many tokens "many" is
#   TESSERA_BIN, PROTECTED_BIN    binaries; built here in release mode by default
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=.ci/servers.sh
source "$here/../.ci/servers.sh"
# shellcheck source=bench/measure.sh
source "$here/measure.sh"

DURATION=${DURATION:-5s} ROUNDS=${ROUNDS:-5} CONNECTIONS=${CONNECTIONS:-32} THREADS=${THREADS:-1}
TOKENS_IN_TURN=${TOKENS_IN_TURN:-200}

need wrk 'apt-get install wrk'
need curl 'apt-get install curl'
need python3 'apt-get install python3'
if [[ -z ${TESSERA_BIN:-} || -z ${PROTECTED_BIN:-} ]]; then
    (cd -- "$here/.." && cargo build --quiet --release -p tessera -p protected-service)
fi
target=${CARGO_TARGET_DIR:-$here/../target}/release
tessera=${TESSERA_BIN:-$target/tessera}
protected=${PROTECTED_BIN:-$target/protected-service}

work=$(mktemp -d "${TMPDIR:-/tmp}/tessera-bench.XXXXXX")
trap 'stop_servers; rm -rf -- "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

unset "${!AUTH_@}" "${!ORG_@}" REVOCATION
# Longer than the benchmark, whatever DURATION and ROUNDS are.
export AUTH_ISSUER=http://tessera.bench AUTH_ACCESS_TOKEN_LIFETIME=12h
SERVICE_SECRET=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export SERVICE_SECRET
password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')

start_server tessera "$tessera" serve --port 0 --data "$work/data"
api=$server_url issuer=$management_url
[[ -n $issuer ]] || die 'tessera printed no management address'
printf '%s\n' "$password" | "$tessera" createsuperuser --data "$work/data" \
    --username bench --email bench@example.com --password-stdin >"$work/createsuperuser.log" 2>&1 ||
    { cat -- "$work/createsuperuser.log" >&2; die 'createsuperuser failed'; }
start_server protected-service "$protected" --issuer "$issuer" --listen 127.0.0.1:0
service=$server_url service_pid=$server_pid

printf '%s\n' "$password" | python3 "$here/tokens.py" access "$api" bench "$TOKENS_IN_TURN" >"$work/many"
head -n 1 -- "$work/many" >"$work/one"

# A ratio between different answers would mean nothing.
authorization="Authorization: Bearer $(cat -- "$work/one")"
open_body=$(curl -sS --fail -H "$authorization" "$service/open")
protected_body=$(curl -sS --fail -H "$authorization" "$service/protected")
[[ $open_body == "$protected_body" ]] || die "/open says $open_body, /protected $protected_body"
refusal=$(curl -sS -o /dev/null -w '%{http_code}' "$service/protected")
[[ $refusal == 401 ]] || die "/protected without a token answers $refusal"

export BENCH_FOLDER=$here TOKENS

# run PATH one|many: appends rate and CPU time to the lists of that kind.
run() {
    TOKENS=$work/$2
    load "$service_pid" "$THREADS" "$CONNECTIONS" "$here/tokens.lua" "$service/$1"
    printf '%s %s\n' "$rate" "$cpu_us" >>"$work/$1-$2"
}

machine
printf '%s rounds of %s, %s connections, %s tokens in turn\n\n' \
    "$ROUNDS" "$DURATION" "$CONNECTIONS" "$TOKENS_IN_TURN"
# Warm: every token has been seen, every worker has run.
for kind in one many; do
    TOKENS=$work/$kind
    DURATION=1s load "$service_pid" "$THREADS" "$CONNECTIONS" "$here/tokens.lua" "$service/protected"
done
for ((round = 1; round <= ROUNDS; round++)); do
    for kind in one many; do
        # Every other round the other way about, so that a drift of the machine cancels out.
        if ((round % 2)); then pair=(open protected); else pair=(protected open); fi
        for path in "${pair[@]}"; do run "$path" "$kind"; done
    done
done

# Field FIELD of every run of PATH with KIND of tokens.
column() {
    cut -d ' ' -f "$1" -- "$work/$2-$3"
}

printf '%-28s %12s %16s\n' 'median of each' 'requests/s' 'CPU µs/request'
for kind in one many; do
    for path in open protected; do
        # shellcheck disable=SC2046 # numbers, one per line
        printf '%-28s %12s %16s\n' "/$path, $kind" \
            "$(median $(column 1 "$path" "$kind"))" "$(median $(column 2 "$path" "$kind"))"
    done
done
printf '\n'
for kind in one many; do
    for field in 1 2; do
        ratios=()
        while read -r under over; do ratios+=("$(ratio "$over" "$under")"); done \
            < <(paste -d ' ' <(column "$field" open "$kind") <(column "$field" protected "$kind"))
        what=$([[ $field == 1 ]] && printf 'rate' || printf 'CPU time')
        printf '%-9s /protected to /open, %-5s median %s   pairs: %s\n' \
            "$what" "$kind:" "$(median "${ratios[@]}")" "${ratios[*]}"
    done
done
