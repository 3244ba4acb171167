"""Fills the feed of a stopped server: `revocations.py DATABASE COUNT` adds that many revoked sessions,
none of them anybody's, to the SQLite file of the auth service. They end in twelve hours.
"""

import datetime
import sqlite3
import sys
import uuid


def main():
    database, count = sys.argv[1], int(sys.argv[2])
    ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=12)
    ends = ends.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    with sqlite3.connect(database) as connection:
        (head,) = connection.execute("SELECT seq FROM feed_head").fetchone()
        rows = ((head + place, str(uuid.uuid4()), ends) for place in range(1, count + 1))
        connection.executemany(
            "INSERT INTO feed (seq, kind, key, bound, expires_at) VALUES (?, 'session', ?, NULL, ?)", rows
        )
        connection.execute("UPDATE feed_head SET seq = seq + ?", (count,))


if __name__ == "__main__":
    main()
