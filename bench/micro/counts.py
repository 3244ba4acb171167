"""Reads gungraun's summaries, one JSON object per line or more, and prints `name instructions`."""

import json
import sys


def total(summary):
    """The total of instructions (`Ir`) of callgrind."""
    for profile in summary["profiles"]:
        if profile["tool"] == "Callgrind":
            return profile["data"]["total"]["metrics"]["Ir"]["values"]["new"]
    raise ValueError(f"no callgrind in {summary['function_name']}")


def main():
    text, decoder, at, rows = sys.stdin.read(), json.JSONDecoder(), 0, []
    while (at := next((i for i in range(at, len(text)) if not text[i].isspace()), None)) is not None:
        summary, at = decoder.raw_decode(text, at)
        rows.append((f"{summary['function_name']}/{summary['id']}", total(summary)))
    if not rows:
        sys.exit("nothing was counted")
    for name, count in rows:
        print(name, count)


main()
