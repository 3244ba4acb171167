"""Collects tokens from a running server over HTTP, one per line on stdout.

`tokens.py access URL USERNAME COUNT SESSIONS`: COUNT access tokens, all different, from chains of
refreshes after SESSIONS logins, one of each chain in turn.
`tokens.py refresh URL USERNAME COUNT`: COUNT logins, so COUNT sessions with a refresh token each.

The password comes on stdin.
"""

import http.client
import json
import sys
from urllib.parse import urlsplit


def main():
    kind, url, username, count, *sessions = sys.argv[1:]
    password = sys.stdin.readline().rstrip("\n")
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def post(path, body):
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            sys.exit(f"POST {path}: {answer.status} {text.decode(errors='replace')}")
        return json.loads(text)

    def log_in():
        return post("/api/v1/user/token/", {"username": username, "password": password})

    if kind == "refresh":
        for _ in range(int(count)):
            print(log_in()["refresh"])
        return
    pairs = [log_in() for _ in range(min(int(sessions[0]), int(count)))]
    seen = set()
    for turn in range(int(count)):
        pair = pairs[turn % len(pairs)]
        # Without rotation the refresh token stays what it was.
        pair.update(post("/api/v1/user/token/refresh/", {"refresh": pair["refresh"]}))
        seen.add(pair["access"])
        print(pair["access"])
    if len(seen) != int(count):
        sys.exit("some access tokens are equal")


if __name__ == "__main__":
    main()
