#!/usr/bin/env python3
"""Check the files that `coordinator report --output hlog|hgrm|csv|openmetrics|trace` writes, with other tools' readers.

    python3 -m venv venv && venv/bin/pip install hdrhistogram prometheus_client
    for f in json hlog hgrm csv openmetrics trace; do coordinator report latest --output $f > run.$f; done
    venv/bin/python scripts/check_exports.py run

Reads NAME.json (the run's document) and the other files that exist, and checks that
  * the interval log, read by the HdrHistogram package, gives for each scenario, arm and metric as many values as the
    document states, and every stated quantile lies in the bucket that the package finds;
  * each line of the percentile distribution states as many values as the package counts up to its value;
  * the table has its columns, numbers where numbers belong, and the requests of the document;
  * the OpenMetrics text is accepted by the Prometheus client's parser and has the same counts;
  * the trace holds, for each request, phases that lie end to end inside it.
Prints one line per file; exit code 1 with the differences on stderr. Not needed at run time.
"""

import collections
import csv
import json
import math
import os
import sys

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

LAYOUT = (1, 3_600_000_000_000, 3)


def bucket(histogram, q):
    """Edges of the bucket in which the cumulative count reaches q·n."""
    exact = q * histogram.get_total_count()
    rank = round(exact) if abs(exact - round(exact)) < 1e-9 * max(1, exact) else math.ceil(exact)
    seen = 0
    for index, count in enumerate(histogram.counts):
        seen += count
        if seen >= max(rank, 1):
            value = histogram.get_value_from_index(index)
            return histogram.get_lowest_equivalent_value(value), histogram.get_highest_equivalent_value(value) + 1
    raise ValueError("an empty histogram has no quantiles")


def read_log(path):
    """Histograms by tag, merged over the log's lines; and how many lines there were."""
    merged, lines = {}, 0
    reader = HistogramLogReader(path, HdrHistogram(*LAYOUT))
    while (interval := reader.get_next_interval_histogram()) is not None:
        lines += 1
        merged.setdefault(interval.get_tag(), HdrHistogram(*LAYOUT)).add(interval)
    reader.close()
    return merged, lines


def check_hlog(document, path, wrong):
    merged, lines = read_log(path)
    checked = 0
    for cell in document["cells"]:
        for arm in cell["arms"]:
            for latency in arm["latencies"]:
                tag = f"{cell['scenario']}/{arm['arm']}/{arm['variant']}/{latency['metric']}"
                if tag not in merged:
                    wrong.append(f"{tag}: not in the log")
                    continue
                histogram = merged[tag]
                if histogram.get_total_count() != latency["count"]:
                    wrong.append(f"{tag}: {histogram.get_total_count()} values, {latency['count']} stated")
                for quantile in latency["quantiles"]:
                    if quantile["ns"] is not None:
                        low, high = bucket(histogram, quantile["q"])
                        checked += 1
                        if not low <= quantile["ns"] <= high:
                            wrong.append(f"{tag}: p{100 * quantile['q']:g} is {quantile['ns']}, its bucket {low} to {high}")
    return f"{lines} lines, {len(merged)} tags, {checked} quantiles in their bucket"


def check_hgrm(document, path, wrong):
    """The default of `report`: B (or A) of the last scenario, end to end."""
    merged, _ = read_log(os.path.splitext(path)[0] + ".hlog")
    cell = document["cells"][-1]
    arm = next((arm for arm in cell["arms"] if arm["arm"] == "B"), cell["arms"][0])
    histogram = merged[f"{cell['scenario']}/{arm['arm']}/{arm['variant']}/e2e"]
    seen, below = 0, {}
    for index, count in enumerate(histogram.counts):
        seen += count
        if count:
            value = histogram.get_highest_equivalent_value(histogram.get_value_from_index(index))
            below[f"{value / 1e6:.3f}"] = seen
    with open(path, encoding="utf-8") as file:
        rows = [line.split() for line in file if line[:1] not in "#\n"][1:]
    for row in rows:
        share = row[3:] in ([], [f"{1 / (1 - float(row[1])):.2f}"]) if row[1] != "1.000000000000" else not row[3:]
        if below.get(row[0]) != int(row[2]) or int(row[2]) < float(row[1]) * seen - 1e-6 or not share:
            wrong.append(f"hgrm: {row}, the package counts {below.get(row[0])} of {seen} up to there")
    if int(rows[-1][2]) != seen:
        wrong.append(f"hgrm: it ends at {rows[-1][2]} of {seen}")
    return f"{len(rows)} lines, each with as many values up to it as the package counts"


def check_csv(document, path, wrong):
    planned = collections.Counter()
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        float(row["value"]), int(row["round"]), int(row["slot"])
        if row["kind"] == "requests" and row["name"] == "planned":
            planned[row["scenario"], row["arm"]] += int(row["value"])
    for cell in document["cells"]:
        for arm in cell["arms"]:
            found = planned[cell["scenario"], arm["arm"]]
            if found != arm["outcomes"]["planned"]:
                wrong.append(f"csv: {cell['scenario']} {arm['arm']}: {found} requests, {arm['outcomes']['planned']} stated")
    return f"{len(rows)} rows, {planned.total()} requests"


def check_openmetrics(document, path, wrong):
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    with open(path, encoding="utf-8") as file:
        families = {family.name: family for family in text_string_to_metric_families(file.read())}
    ok = collections.Counter()
    for sample in families["pgo_benchmarks_requests"].samples:
        if sample.labels["outcome"] == "ok":
            ok[sample.labels["scenario"], sample.labels["arm"]] += int(sample.value)
    for cell in document["cells"]:
        for arm in cell["arms"]:
            if ok[cell["scenario"], arm["arm"]] != arm["outcomes"]["ok"]:
                wrong.append(f"openmetrics: {cell['scenario']} {arm['arm']}: {ok[cell['scenario'], arm['arm']]} answered")
    return f"{len(families)} families, {sum(len(family.samples) for family in families.values())} samples"


def check_trace(document, path, wrong):
    with open(path, encoding="utf-8") as file:
        events = json.load(file)["traceEvents"]
    rows = collections.defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            rows[event["pid"], event["tid"]].append(event)
    requests = 0
    for row, slices in rows.items():
        outer = [event for event in slices if event["name"].startswith("request ")]
        if not outer:
            continue
        requests += 1
        (request,) = outer
        at = request["ts"]
        for phase in sorted((event for event in slices if event is not request), key=lambda event: event["ts"]):
            if abs(phase["ts"] - at) > 0.002:
                wrong.append(f"trace: {row} {phase['name']} begins at {phase['ts']}, the one before ended at {at}")
            at = phase["ts"] + phase["dur"]
        if abs(at - request["ts"] - request["dur"]) > 0.002:
            wrong.append(f"trace: {row} ends at {request['ts'] + request['dur']}, its phases at {at}")
    return f"{requests} requests, {len(events)} events"


CHECKS = {"hlog": check_hlog, "hgrm": check_hgrm, "csv": check_csv, "openmetrics": check_openmetrics, "trace": check_trace}


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    name = sys.argv[1]
    with open(f"{name}.json", encoding="utf-8") as file:
        document = json.load(file)
    wrong = []
    for kind, check in CHECKS.items():
        path = f"{name}.{kind}"
        if os.path.exists(path):
            print(f"{kind}: {check(document, path, wrong)}")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
