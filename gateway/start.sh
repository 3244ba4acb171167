#!/bin/sh
# Starts the gateway: with TLS where it was given a certificate, and not at all where it cannot read what
# it was given. A gateway that fell back to plain HTTP would carry passwords over it.
set -eu

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

here=/usr/local/etc/haproxy
for file in "$here/haproxy.cfg" "$here"/errors/*.http; do
    [ -r "$file" ] || fail "cannot read $file: its files have to be readable for everybody (chmod -R a+rX gateway)"
done

if ! [ -r /certs ] || ! [ -x /certs ]; then
    fail "cannot read the folder of certificates: $(id -un) has to (chmod a+rx)"
fi
for file in /certs/*.pem; do
    [ -e "$file" ] || continue
    [ -r "$file" ] || fail "cannot read $file: $(id -un) has to"
    export GATEWAY_TLS=1
done
if [ -n "${GATEWAY_CERTIFICATES:-}" ] && [ -z "${GATEWAY_TLS:-}" ]; then
    fail "GATEWAY_CERTIFICATES=$GATEWAY_CERTIFICATES holds no .pem file"
fi

exec haproxy -W -db -f "$here/haproxy.cfg"
