#!/usr/bin/env bash
# Do other people's verifiers accept our access tokens, and refuse tampered ones? Starts a fresh
# server per algorithm, logs in over HTTP, and asks PyJWT and SimpleJWT (see interop.py).
#
#   TESSERA_BIN             the server; by default built here with cargo
#   TESSERA_INTEROP_VENV    where the Python packages live between runs
#   TESSERA_INTEROP_ALGS    algorithms to try (default "EdDSA RS256 ES256")
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=.ci/servers.sh
source "$here/../../.ci/servers.sh"

work=$(mktemp -d "${TMPDIR:-/tmp}/tessera-interop-run.XXXXXX")
cleanup() {
    stop_servers
    rm -rf -- "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Settings of the shell that runs this are none of the server's.
unset "${!AUTH_@}" "${!ORG_@}" SERVICE_SECRET REVOCATION

prepare_python() {
    local venv=${TESSERA_INTEROP_VENV:-${TMPDIR:-/tmp}/tessera-interop-venv-$EUID}
    python=$venv/bin/python
    if cmp -s -- "$here/requirements.txt" "$venv/installed.txt" && "$python" -c '' 2>/dev/null; then
        return 0
    fi
    python3 -m venv --clear "$venv"
    "$python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    # Only now: a run that was cut short starts over.
    cp -- "$here/requirements.txt" "$venv/installed.txt"
}

find_tessera() {
    if [[ -n ${TESSERA_BIN:-} ]]; then
        tessera=$TESSERA_BIN
        return 0
    fi
    (cd -- "$here/../.." && cargo build --quiet -p tessera)
    tessera=${CARGO_TARGET_DIR:-$here/../../target}/debug/tessera
}

# Everything that depends on the algorithm, from an empty data folder to the last check.
check_algorithm() {
    local algorithm=$1 data=$work/$1 password status=0
    password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
    # The default is tried as a newcomer meets it, without a setting.
    if [[ $algorithm == EdDSA ]]; then unset AUTH_ALGORITHM; else export AUTH_ALGORITHM=$algorithm; fi
    start_server "tessera-$algorithm" "$tessera" serve --port 0 --data "$data"
    printf '%s\n' "$password" | "$tessera" createsuperuser --data "$data" \
        --username interop --email interop@example.com --password-stdin >"$work/createsuperuser.log" 2>&1 ||
        { cat -- "$work/createsuperuser.log" >&2; die 'createsuperuser failed'; }
    printf '%s\n' "$password" |
        "$python" "$here/interop.py" --algorithm "$algorithm" --server "$server_url" --username interop || status=$?
    stop_server "$server_pid" || die "the server did not stop on SIGTERM"
    return "$status"
}

prepare_python
find_tessera
passed=0 failed=0
for algorithm in ${TESSERA_INTEROP_ALGS:-EdDSA RS256 ES256}; do
    status=0
    # In a shell of its own: one algorithm that cannot even start must not hide the others.
    (trap stop_servers EXIT && check_algorithm "$algorithm") >"$work/report" || status=$?
    cat -- "$work/report"
    passed=$((passed + $(grep -c '^ok ' "$work/report" || true)))
    now_failed=$(grep -c '^FAILED ' "$work/report" || true)
    if ((status != 0 && now_failed == 0)); then
        printf 'FAILED %s: the checks did not finish\n' "$algorithm"
        now_failed=1
    fi
    if ((now_failed)); then tail -n 20 -- "$work/tessera-$algorithm.err" >&2 || true; fi
    failed=$((failed + now_failed))
done
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0 && passed > 0))
