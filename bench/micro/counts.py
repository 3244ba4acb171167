"""Reads gungraun's summaries, one JSON object per line or more, and prints `name instructions`."""

import json
import sys


def totals(summary):
    """The total of instructions (`Ir`) of callgrind."""
    for profile in summary["profiles"]:
        if profile["tool"] == "Callgrind":
            metrics = profile["summaries"]["total"]["summary"]["Callgrind"]["Ir"]["metrics"]
            # Left is this run alone; Both has it first, an earlier run behind it.
            new = metrics["Left"] if "Left" in metrics else metrics["Both"][0]
            return new["Int"] if isinstance(new, dict) else new
    raise ValueError(f"no callgrind in {summary['function_name']}")


def main():
    text, decoder, at, rows = sys.stdin.read(), json.JSONDecoder(), 0, []
    while (at := next((i for i in range(at, len(text)) if not text[i].isspace()), None)) is not None:
        summary, at = decoder.raw_decode(text, at)
        rows.append((f"{summary['function_name']}/{summary['id']}", totals(summary)))
    if not rows:
        sys.exit("nothing was counted")
    for name, count in rows:
        print(name, count)


main()
