# shellcheck shell=bash disable=SC2034,SC2154 # its callers set and read variables
# Sourced by scripts that start servers: start one, wait until it answers, stop all at the end.
# The caller sets $work, a folder of its own, and calls stop_servers from its exit trap.

server_pids=()

die() {
    printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2
    exit 1
}

# start_server NAME COMMAND...: runs it in the background with its output in $work/NAME.log and
# waits until it prints `listening on`. Sets server_pid, server_url and, if it has one,
# management_url.
start_server() {
    local name=$1 log=$work/$1.log deadline=$((SECONDS + 60))
    shift
    : >"$log"
    "$@" >"$log" 2>"$work/$name.err" </dev/null &
    server_pid=$!
    server_pids+=("$server_pid")
    until server_url=$(announced 'listening on' "$log"); do
        if ! kill -0 "$server_pid" 2>/dev/null || ((SECONDS > deadline)); then
            tail -n 30 -- "$log" "$work/$name.err" >&2
            die "$name did not start: $*"
        fi
        sleep 0.05
    done
    management_url=$(announced 'management on' "$log" || true)
}

# The address that a server has printed after WORDS on a line of its own.
announced() {
    local found
    found=$(sed -nE "s|^[[:space:]]*$1 (http://[^[:space:]]+).*|\\1|p" "$2" | head -n 1)
    [[ -n $found ]] && printf '%s\n' "${found%/}"
}

# Stops one server as an operator would and fails unless it ends in time.
stop_server() {
    local pid=$1 tries
    kill -TERM "$pid" 2>/dev/null || return 0
    for ((tries = 0; tries < 200; tries++)); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.05
    done
    kill -KILL "$pid" 2>/dev/null || true
    return 1
}

stop_servers() {
    local pid
    for pid in ${server_pids[@]+"${server_pids[@]}"}; do
        stop_server "$pid" || true
    done
}
