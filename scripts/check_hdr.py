#!/usr/bin/env python3
"""Check the histograms of a run with another HdrHistogram implementation (PyPI `hdrhistogram`).

    python3 -m venv venv && venv/bin/pip install hdrhistogram
    coordinator compare latest --output json | venv/bin/python scripts/check_hdr.py -

Reads the JSON document of a run (schema/run.schema.json), decodes every part's histograms, and checks that
  * each holds as many values as the part says, between its exact minimum and maximum;
  * the parts of each arm, merged bucket by bucket, give the counts and the buckets of the quantiles that the
    document states for that arm;
  * the parts of each round and arm, merged, give the buckets of that round's quantiles (`e2e-p50`, ...).
Prints one line; exit code 1 with the differences on stderr. Not needed at run time.
"""

import collections
import json
import math
import re
import sys

from hdrh.histogram import HdrHistogram

HIGHEST = 3_600_000_000_000
DIGITS = 3


LAYOUT = HdrHistogram(1, HIGHEST, DIGITS)


def decode(entry):
    """Counts by bucket, each bucket known by its lowest value."""
    histogram = HdrHistogram.decode(entry["hdr_v2_deflate_base64"])
    layout = histogram.lowest_trackable_value, histogram.highest_trackable_value, histogram.significant_figures
    if layout != (1, HIGHEST, DIGITS):
        raise ValueError(f"the layout is {layout}")
    counts = collections.Counter()
    for index, count in enumerate(histogram.counts):
        if count:
            counts[LAYOUT.get_lowest_equivalent_value(histogram.get_value_from_index(index))] += count
    if counts.total() != histogram.get_total_count():
        raise ValueError(f"{counts.total()} values in buckets, {histogram.get_total_count()} in total")
    return counts


def bucket(counts, q):
    """Edges of the bucket in which the cumulative count reaches q·n: lowest, and highest plus one."""
    exact = q * counts.total()
    rank = round(exact) if abs(exact - round(exact)) < 1e-9 * max(1, exact) else math.ceil(exact)
    seen = 0
    for low in sorted(counts):
        seen += counts[low]
        if seen >= max(rank, 1):
            return low, LAYOUT.get_highest_equivalent_value(low) + 1
    raise ValueError("an empty histogram has no quantiles")


def check_part(place, entry, counts):
    if counts.total() != entry["count"]:
        yield f"{place}: {counts.total()} values in buckets, {entry['count']} counted"
    elif counts:
        low = LAYOUT.get_lowest_equivalent_value(entry["min"])
        if min(counts) != low:
            yield f"{place}: the lowest bucket is {min(counts)}, the minimum {entry['min']}"
        if entry["overflow"] == 0 and max(counts) != LAYOUT.get_lowest_equivalent_value(entry["max"]):
            yield f"{place}: the highest bucket is {max(counts)}, the maximum {entry['max']}"


def read_parts(document, wrong):
    """Counts by cell, arm, round and metric, all slots together."""
    trials = collections.defaultdict(collections.Counter)
    for part in document["parts"]:
        for metric, entry in part["histograms"].items():
            counts = decode(entry)
            place = f"{part['scenario']} round {part['round']} arm {part['arm']} slot {part['slot']} {metric}"
            wrong += check_part(place, entry, counts)
            trials[part["cell"], part["arm"], part["round"], metric].update(counts)
    return trials


def outside(place, counts, q, value):
    low, high = bucket(counts, q)
    if not low <= value <= high:
        yield f"{place}: p{100 * q:g} is stated as {value}, its bucket is {low} to {high}"


def check_arms(document, trials):
    arms = collections.defaultdict(collections.Counter)
    for (cell, arm, _, metric), counts in trials.items():
        arms[cell, arm, metric].update(counts)
    for cell in document["cells"]:
        for arm in cell["arms"]:
            for latency in arm["latencies"]:
                counts = arms[cell["index"], arm["arm"], latency["metric"]]
                place = f"{cell['scenario']} arm {arm['arm']} {latency['metric']}"
                if counts.total() != latency["count"]:
                    yield f"{place}: {counts.total()} values merged, {latency['count']} stated"
                    continue
                for quantile in latency["quantiles"]:
                    if quantile["ns"] is not None:
                        yield from outside(place, counts, quantile["q"], quantile["ns"])


def check_rounds(document, trials):
    for cell in document["cells"]:
        for metric in cell["metrics"]:
            match = re.fullmatch(r"(\w+)-p([\d.]+)", metric["name"])
            if not match:
                continue
            name, q = match[1], float(match[2]) / 100
            for row in metric["rounds"]:
                for value in row["values"]:
                    place = f"{cell['scenario']} round {row['round']} arm {value['arm']} {name}"
                    counts = trials[cell["index"], value["arm"], row["round"], name]
                    yield from outside(place, counts, q, value["value"])


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with sys.stdin if sys.argv[1] == "-" else open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    wrong = []
    trials = read_parts(document, wrong)
    wrong += check_arms(document, trials)
    wrong += check_rounds(document, trials)
    for line in wrong:
        print(line, file=sys.stderr)
    histograms = sum(len(part["histograms"]) for part in document["parts"])
    verdict = f"{len(wrong)} differences" if wrong else "all agree"
    print(f"{len(document['parts'])} parts, {histograms} histograms: {verdict}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
