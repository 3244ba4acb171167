# shellcheck shell=bash disable=SC2034,SC2154 # its callers set and read variables
# Sourced by the benchmarks: needed programs, load runs, CPU time, medians.

need() {
    command -v "$1" >/dev/null || die "$1 is missing: $2"
}

# CPU time of a process so far, in seconds, user and system together.
cpu_seconds() {
    # The command's name, in parentheses, may hold blanks; the fields after it do not.
    sed 's/^.*) //' "/proc/$1/stat" | awk -v tick="$(getconf CLK_TCK)" '{ printf "%.2f\n", ($12 + $13) / tick }'
}

# load PID THREADS CONNECTIONS SCRIPT URL: one wrk run of $DURATION against the process PID.
# Sets rate (requests/s) and cpu_us (the server's CPU time per request in µs); dies if any
# request failed, for a refusal is cheaper than an answer.
load() {
    local pid=$1 threads=$2 connections=$3 script=$4 url=$5 before after requests seconds bad
    before=$(cpu_seconds "$pid")
    wrk --threads "$threads" --connections "$connections" --duration "$DURATION" --timeout 10s \
        --script "$script" "$url" >"$work/wrk.out" 2>&1 || { cat -- "$work/wrk.out" >&2; die 'wrk failed'; }
    after=$(cpu_seconds "$pid")
    # Printed by bench/report.lua.
    read -r requests seconds bad < <(sed -n 's/^report //p' "$work/wrk.out") || true
    if [[ -z ${requests:-} || $requests -eq 0 || $bad -ne 0 ]]; then
        cat -- "$work/wrk.out" >&2
        die "${bad:-all} of ${requests:-the} requests to $url failed"
    fi
    rate=$(awk "BEGIN { printf \"%.0f\", $requests / $seconds }")
    cpu_us=$(awk "BEGIN { printf \"%.1f\", ($after - $before) * 1e6 / $requests }")
}

# The median of its arguments.
median() {
    printf '%s\n' "$@" | sort -g | awk '
        { value[NR] = $1 }
        END { print NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'
}

ratio() {
    awk "BEGIN { printf \"%.3f\", $1 / $2 }"
}

machine() {
    printf '%s, %s cores, load %s\n' \
        "$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
        "$(cut -d ' ' -f 1 /proc/loadavg)"
}
