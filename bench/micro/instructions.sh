#!/usr/bin/env bash
# Counts the instructions of the hot path under callgrind and prints them beside those on record in
# instructions.txt. Fails where one differs by more than TOLERANCE percent, either way: less belongs on
# record too.
#
#   bash bench/micro/instructions.sh             compare
#   bash bench/micro/instructions.sh --record    put what is counted on record
#
#   TOLERANCE=2    percent
#
# Needs valgrind. The counts are those of one compiler and one processor: cryptography chooses its code by
# what the processor has.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
cd -- "$here/../.."
record=$here/instructions.txt
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}

command -v valgrind >/dev/null || { printf 'valgrind is missing: apt-get install valgrind\n' >&2; exit 1; }
# It has to be of the library's version.
version=$(sed -n '/^name = "gungraun"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock)
tools=$CARGO_TARGET_DIR/tools
if [[ $("$tools/bin/gungraun-runner" --version 2>/dev/null) != *" $version" ]]; then
    cargo install --quiet --locked --root "$tools" "gungraun-runner@$version"
fi

counted=$(mktemp)
trap 'rm -f -- "$counted"' EXIT
GUNGRAUN_RUNNER=$tools/bin/gungraun-runner \
    cargo bench --quiet -p micro --bench instructions -- --output-format=json |
    python3 "$here/counts.py" >"$counted"

if [[ ${1:-} == --record ]]; then
    cp -- "$counted" "$record"
    cat -- "$record"
    exit
fi
join -a 1 -a 2 -e 0 -o 0,1.2,2.2 <(sort -- "$record") <(sort -- "$counted") |
    awk -v tolerance="${TOLERANCE:-2}" '
        BEGIN { printf "%-24s %12s %12s %9s\n", "", "on record", "counted", "change" }
        {
            change = $2 ? ($3 / $2 - 1) * 100 : 100
            far = change > tolerance || change < -tolerance
            printf "%-24s %12d %12d %+8.2f%%%s\n", $1, $2, $3, change, far ? "  !" : ""
            if (far) failed = 1
        }
        END { exit failed }'
