#!/usr/bin/env python3
"""Recompute a comparison with scipy, independently of the Rust crate `stats`.

    python3 -m venv venv && venv/bin/pip install scipy hdrhistogram
    venv/bin/python scripts/recompute.py ROUNDS.json          # recompute, compare with "found", exit 1 if they differ
    coordinator compare latest --output json | venv/bin/python scripts/recompute.py -     # the same for a stored run
    venv/bin/python scripts/recompute.py RUN.csv              # the rates of every trial, including goodput, from its counts
    venv/bin/python scripts/recompute.py --fixture > coordinator/stats/tests/fixtures/rounds.json

Not needed at run time. The input is the JSON document of a run (schema/run.schema.json), in which each cell is one
family, or one JSON object:

    {"format": "rounds/1",
     "settings": {"alpha": 0.05, "power": 0.8, "guard": "auto" | "full" | "off"},
     "metrics": [
       {"name": "e2e p50", "tau": 0.02, "seed": "1234",
        "rounds": [{"a":  {"cost": 17.51, "position": 0},
                    "b":  {"cost": 17.49, "position": 2},
                    "a2": {"cost": 17.50, "position": 1}}, ...],     # "a2" in all rounds or in none
        "found": {...}}]}                                            # optional: what the tool says

"cost" is the natural logarithm of the value if lower is better, and its negative if higher is better, so
that more is worse. For a metric with "scale": "linear", which has values of zero, it is the value divided by
"unit", with the same sign. "position" is the arm's 0-based place in the round's order. "seed" (a decimal string, 64
bits) seeds the exact check and the bootstrap. The generator below is the same as the crate's, so drawn
p values and bootstrap intervals are reproduced bit by bit. If a run has a layout control, it is recomputed too.
Results are compared to a relative 1e-9. A run's document also has the histograms of every part: the pooled ratio of
the primary metric, its jackknife and its bootstrap are recomputed from them (this needs `hdrhistogram`).
"""

import csv
import itertools
import json
import math
import sys

import numpy as np
from scipy import stats

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
LEAST_ROUNDS = 6
TELLING_ROUNDS = 16
BUCKET_WIDTH = 0.000977
ENUMERATED = {2: 16, 3: 10}
DRAWS = 20_000
BOOTSTRAP_DRAWS = 2000


# --- the crate's generator (stats::rng) -------------------------------------------------------------------


def mix(z):
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


class Rng:
    """xoshiro256++ seeded by SplitMix64."""

    def __init__(self, seed):
        self.s = [mix((seed + GOLDEN * k) & MASK) for k in range(1, 5)]

    def next_u64(self):
        s = self.s
        x = (s[0] + s[3]) & MASK
        result = (((x << 23) | (x >> 41)) + s[0]) & MASK
        t = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = ((s[3] << 45) | (s[3] >> 19)) & MASK
        return result

    def below(self, bound):
        uneven = ((1 << 64) - bound) % bound
        while True:
            wide = self.next_u64() * bound
            if wide & MASK >= uneven:
                return wide >> 64

    def unit(self):
        return (self.next_u64() >> 11) / (1 << 53)


# --- the estimate -----------------------------------------------------------------------------------------


def pair(rounds, numerator, denominators):
    """Differences and covariate of one arm against the mean of others."""
    cost = np.array([r[numerator]["cost"] - np.mean([r[k]["cost"] for k in denominators]) for r in rounds])
    place = np.array(
        [r[numerator]["position"] - np.mean([r[k]["position"] for k in denominators]) for r in rounds]
    )
    return cost, place


def has_covariate(x):
    return len(x) >= LEAST_ROUNDS and np.ptp(x) > 0


def fit(d, x):
    """delta, gamma, standard error, degrees of freedom, residuals."""
    n = len(d)
    if has_covariate(x):
        line = stats.linregress(x, d)
        residuals = d - line.intercept - line.slope * x
        stderr = line.intercept_stderr if np.ptp(d) > 0 else 0.0  # linregress says nan for ties
        return line.intercept, line.slope, stderr, n - 2, residuals
    return d.mean(), None, stats.sem(d), n - 1, d - d.mean()


def guard_uses(mode, corrected, n):
    if mode == "off" or n < LEAST_ROUNDS:
        return 0.0
    full = mode == "full" or n >= TELLING_ROUNDS
    return float(np.clip(corrected if full else corrected - 1.5 / math.sqrt(n), 0.0, 0.9))


def estimate(d, x, settings, reach=0.0):
    n = len(d)
    delta, gamma, plain_se, plain_df, residuals = fit(d, x)
    centred = residuals - residuals.mean()
    squares = (centred**2).sum()
    lag1 = (centred[1:] * centred[:-1]).sum() / squares if n >= 3 and squares > 0 else 0.0
    corrected = lag1 + (1 + 3 * lag1) / n
    used = guard_uses(settings["guard"], corrected, n)
    zeros = reach * (1 - (settings["alpha"] / 2) ** (1 / n)) / stats.t.isf(settings["alpha"] / 2, plain_df)
    se = max(plain_se, BUCKET_WIDTH / math.sqrt(6 * n), zeros) * math.sqrt((1 + used) / (1 - used))
    df = plain_df
    if used > 0 and (settings["guard"] == "full" or n >= TELLING_ROUNDS):
        df = min(plain_df, max(2.0, n * (1 - used) / (1 + used) - 1))
    half = stats.t.isf(settings["alpha"] / 2, df) * se
    narrow = stats.t.isf(settings["alpha"], df) * se
    return {
        "delta": float(delta),
        "gamma": None if gamma is None else float(gamma),
        "se": float(se),
        "df": float(df),
        "ci": [float(delta - half), float(delta + half)],
        "tost": [float(delta - narrow), float(delta + narrow)],
        "p": float(2 * stats.t.sf(abs(delta) / se, df)),
        "s_d": float(d.std(ddof=1)),
        "mde": float(mde(se, df, settings)),
    }


def mde(se, df, settings):
    return (stats.t.isf(settings["alpha"] / 2, df) + stats.t.isf(1 - settings["power"], df)) * se


def limit(metric):
    """The tolerance as a difference of costs."""
    return metric["tau"] if metric.get("scale", "log") != "log" else math.log1p(metric["tau"])


def rounds_needed(effect, n, target, settings):
    """Fewest rounds whose MDE is the tolerance, six at least; None beyond a million."""
    spread = effect["se"] * math.sqrt(n) / target
    lost = 1 if effect["gamma"] is None else 2
    enough = lambda r: mde(spread / math.sqrt(r), r - lost, settings) <= 1
    few, many = lost, 1_000_000
    if not enough(many):
        return None
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return max(many, LEAST_ROUNDS)


# --- what is resampled ------------------------------------------------------------------------------------


def order_slope(rounds, arms):
    """Cost per position over all arms, each round centred on its own mean: the slope of the order if labels do not matter."""
    cost = np.array([[r[k]["cost"] for k in arms] for r in rounds])
    place = np.array([[r[k]["position"] for k in arms] for r in rounds], dtype=float)
    cost -= cost.mean(axis=1, keepdims=True)
    place -= place.mean(axis=1, keepdims=True)
    return float((place * cost).sum() / (place**2).sum())


def candidates(rounds, arms, ordered):
    """Per round the difference with B's label on B, A (and A2), or the two signs; and the slope that was removed.
    Freedman and Lane 1983: the costs minus the order's slope are permuted, and the statistic is R times the estimate."""
    slope = order_slope(rounds, arms) if ordered else None
    left = lambda r, k: r[k]["cost"] - (slope or 0.0) * r[k]["position"]
    _, x = pair(rounds, "b", arms[1:])
    weights = 1 - len(x) * x.mean() * (x - x.mean()) / ((x - x.mean()) ** 2).sum() if ordered else np.ones(len(x))
    if len(arms) == 2:
        d = np.array([left(r, "b") - left(r, "a") for r in rounds])
        table = np.stack([d, -d], axis=1)
    else:
        v = np.array([[left(r, k) for k in arms] for r in rounds])
        table = 1.5 * (v - v.mean(axis=1, keepdims=True))
    return table * weights[:, None], slope


def permutation_p(table, seed):
    n, k = table.shape
    bar = abs(table[:, 0].sum()) - 1e-12 * np.abs(table[:, 0]).sum()
    if n <= ENUMERATED[k]:
        sums = np.zeros(1)
        for row in table:
            sums = (sums[:, None] + row[None, :]).ravel()
        return float((np.abs(sums) >= bar).mean())
    rng = Rng(seed)
    drawn = np.array([[rng.below(k) for _ in range(n)] for _ in range(DRAWS)])
    sums = table[np.arange(n), drawn].sum(axis=1)
    return (1 + int((np.abs(sums) >= bar).sum())) / (1 + DRAWS)


def bootstrap_mean(d, alpha, seed):
    n = len(d)
    rng = Rng(seed)
    means = sorted(float(np.mean([d[rng.below(n)] for _ in range(n)])) for _ in range(BOOTSTRAP_DRAWS))
    tail = stats.norm.cdf(-math.sqrt(n / (n - 1)) * stats.t.isf(alpha / 2, n - 1))
    return [float(v) for v in np.quantile(means, [tail, 1 - tail])]


def edges(value):
    """The bucket of a value in the crate's layout: 1 ns to 1 h at 3 digits, 2048 sub-buckets."""
    width = 1 << max(0, value.bit_length() - 11)
    low = value - value % width
    return low, low + width


def interpolated(table, weights, q):
    """Quantile of the rounds, each weighted, linear inside the bucket; table: edges and counts per round."""
    lows, highs, counts = table
    merged = counts @ weights
    used = merged > 0
    total = np.cumsum(merged[used])
    rank = q * total[-1]
    at = int(np.searchsorted(total, rank, side="left"))
    before = total[at - 1] if at else 0
    low, high = lows[used][at], highs[used][at]
    return low + (high - low) * (rank - before) / (total[at] - before)


def pooled(pools, alpha, seed):
    """Ratio of the quantiles of all rounds together, its jackknife, and the bootstrap of whole rounds."""
    tables = [table(pools[arm]) for arm in ("b", "a", "a2") if arm in pools]
    n, q = tables[0][2].shape[1], pools["q"]

    def theta(weights):
        lns = [math.log(interpolated(t, weights, q)) for t in tables]
        return lns[0] - sum(lns[1:]) / len(lns[1:])

    whole = theta(np.ones(n, dtype=np.int64))
    without = np.array([theta(np.arange(n) != j) for j in range(n)])
    se = math.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    half = stats.t.isf(alpha / 2, n - 1) * se
    rng = Rng(seed)
    drawn = sorted(
        theta(np.bincount([rng.below(n) for _ in range(n)], minlength=n)) for _ in range(BOOTSTRAP_DRAWS)
    )
    tail = stats.norm.cdf(-math.sqrt(n / (n - 1)) * stats.t.isf(alpha / 2, n - 1))
    return {
        "theta": whole,
        "se": se,
        "ci": [whole - half, whole + half],
        "bootstrap": [float(v) for v in np.quantile(drawn, [tail, 1 - tail])],
    }


def table(rounds):
    """Edges of every bucket in use and its count in each round; rounds: value to count."""
    buckets = sorted({edges(value) for counts in rounds for value in counts})
    row = {bucket: at for at, bucket in enumerate(buckets)}
    counts = np.zeros((len(buckets), len(rounds)), dtype=np.int64)
    for number, of_round in enumerate(rounds):
        for value, count in of_round.items():
            counts[row[edges(value)], number] += count
    lows, highs = (np.array([b[side] for b in buckets], dtype=float) for side in (0, 1))
    return lows, highs, counts


def holm(ps):
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    adjusted, largest = [1.0] * len(ps), 0.0
    for rank, index in enumerate(order):
        largest = min(1.0, max(largest, (len(ps) - rank) * ps[index]))
        adjusted[index] = largest
    return adjusted


# --- files ------------------------------------------------------------------------------------------------


def recompute(metric, settings):
    rounds, seed = metric["rounds"], int(metric["seed"])
    arms = ("a", "a2") if "a2" in rounds[0] else ("a",)
    d, x = pair(rounds, "b", arms)
    linear = metric.get("scale") == "linear"
    reach = max(abs(r[k]["cost"]) for r in rounds for k in r) if linear else 0.0
    effect = estimate(d, x, settings, reach)
    table, slope = candidates(rounds, ("b",) + arms, metric.get("ordered", True) and has_covariate(x))
    return {
        "effect": effect,
        "control": estimate(*pair(rounds, "a2", ("a",)), settings, reach) if len(arms) == 2 else None,
        "exact_p": permutation_p(table, seed),
        "exact_gamma": slope,
        "rounds_needed": rounds_needed(effect, len(rounds), limit(metric), settings),
        "bootstrap": bootstrap_mean(d, settings["alpha"], int(metric.get("bootstrap_seed", seed))),
        **({"pooled": pooled(metric["pools"], settings["alpha"], int(metric["bootstrap_seed"]))} if "pools" in metric else {}),
    }


def recompute_all(document):
    results = [recompute(m, document["settings"]) for m in document["metrics"]]
    for result, adjusted in zip(results, holm([r["effect"]["p"] for r in results])):
        result["holm_p"] = adjusted
    return results


def differences(path, found, expected):
    """Every leaf of `found` that differs from the recomputed one."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from differences(f"{path}.{key}", value, expected.get(key) if expected else None)
    elif isinstance(found, list):
        for index, (one, other) in enumerate(itertools.zip_longest(found, expected or [])):
            yield from differences(f"{path}[{index}]", one, other)
    elif isinstance(found, float) and isinstance(expected, float):
        if not math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12):
            yield f"{path}: found {found!r}, recomputed {expected!r}"
    elif found != expected:
        yield f"{path}: found {found!r}, recomputed {expected!r}"


def fixture():
    """Cases that reach every branch: two and three arms, few and many rounds, ties, trend, order effect."""
    cases = [
        ("two arms, five rounds", 5, 2, 0.03, 0.0),
        ("two arms, eight rounds", 8, 2, -0.02, 0.0),
        ("two arms, twenty rounds drawn and correlated", 20, 2, 0.01, 0.03),
        ("three arms, four rounds", 4, 3, 0.0, 0.0),
        ("three arms, seven rounds", 7, 3, 0.01, 0.01),
        ("three arms, ten rounds", 10, 3, 0.05, 0.0),
        ("three arms, twelve rounds drawn and correlated", 12, 3, 0.0, 0.06),
        ("three arms, ten rounds of ties", 10, 3, None, 0.0),
    ]
    metrics = []
    for number, (name, rounds, arms, effect, wave) in enumerate(cases):
        rng = Rng(1000 + number)
        metrics.append(
            {
                "name": name,
                "tau": 0.02,
                "seed": str(mix(77 + number)),
                "rounds": [fixture_round(rng, r, arms, effect, wave) for r in range(rounds)],
            }
        )
    document = {
        "format": "rounds/1",
        "settings": {"alpha": 0.05, "power": 0.8, "guard": "auto"},
        "metrics": metrics,
    }
    for metric, result in zip(metrics, recompute_all(document)):
        metric["found"] = result
    return document


def fixture_round(rng, r, arms, effect, wave):
    names = ["a", "b", "a2"][:arms]
    places = list(range(arms))
    for last in range(arms - 1, 0, -1):
        other = rng.below(last + 1)
        places[last], places[other] = places[other], places[last]
    out = {}
    for name, place in zip(names, places):
        noise = 0.0 if effect is None else 0.02 * (rng.unit() - 0.5) + 0.004 * place
        shift = (effect or 0.0) + wave * math.sin(r / 2.5) if name == "b" else 0.0
        out[name] = {"cost": 17.5 + 0.01 * r + noise + shift, "position": place}
    return out


# --- the document of a run --------------------------------------------------------------------------------


def decoded(base64):
    """Value to count of an exported histogram."""
    from hdrh.histogram import HdrHistogram

    histogram = HdrHistogram.decode(base64)
    return {item.value_iterated_to: item.count_added_in_this_iter_step for item in histogram.get_recorded_iterator()}


def pools_of(document, cell, name):
    """The merged histograms of each arm, round by round; None for rates."""
    metric, _, percent = name.rpartition("-p")
    if not metric:
        return None
    pools = {}
    for part in document["parts"]:
        if part["cell"] != cell["index"]:
            continue
        rounds = pools.setdefault(part["arm"].lower(), {})
        merged = rounds.setdefault(part["round"], {})
        for value, count in decoded(part["histograms"][metric]["hdr_v2_deflate_base64"]).items():
            merged[value] = merged.get(value, 0) + count
    ordered = {arm: [rounds[number] for number in sorted(rounds)] for arm, rounds in pools.items()}
    return {"q": float(percent) / 100, **ordered}


def of_run(document):
    """The run's comparisons in the format above: the primary metrics of all cells are one family, the secondary metrics
    of each cell another."""
    settings = {key: document["settings"][key] for key in ("alpha", "power", "guard")}
    family = lambda metrics: {"format": "rounds/1", "settings": settings, "metrics": metrics}
    compared = lambda cell, primary: [
        of_metric(document, cell, m) for m in cell["metrics"] if m["effect"] and m["primary"] == primary
    ]
    yield family([m for cell in document["cells"] for m in compared(cell, True)])
    for cell in document["cells"]:
        yield family(compared(cell, False))


def unit_of(metric):
    """The unit of a linear scale, from the values themselves: the baseline's mean, or the candidate's."""
    values = [v for row in metric["rounds"] for v in row["values"]]
    baseline = [v["value"] for v in values if v["arm"] != "B"]
    mean = float(np.mean(baseline))
    return mean if mean > 0 else float(np.mean([v["value"] for v in values if v["arm"] == "B"]))


def of_metric(document, cell, metric):
    sign = 1 if metric["better"] == "lower" else -1
    # Documents from before other scales existed do not name the scale.
    scale = metric.get("scale", "log")
    unit = unit_of(metric) if scale == "linear" else 1.0
    cost = math.log if scale == "log" else lambda value: value / unit
    seat = lambda v: {"cost": sign * cost(v["value"]), "position": v["position"]}
    exact = metric["exact"]
    found = {
        "effect": of_estimate(metric["effect"]),
        "control": of_estimate(metric["control"]),
        "exact_p": exact["p"],
    }
    if "gamma" in exact:
        found["exact_gamma"] = exact["gamma"]
    if metric["adjusted_p"] is not None:
        found["holm_p"] = metric["adjusted_p"]
    if metric["verdict"] == "UNDECIDED":
        found["rounds_needed"] = metric["rounds_needed"]
    drawn, ratio, more = metric["bootstrap"], metric["pooled"], {}
    if drawn:
        found["bootstrap"] = bounds(drawn, "mean_ci", "mean_ci95")
        more["bootstrap_seed"] = drawn["seed"]
    # Only for the primary metric: resampling histograms takes long here.
    if drawn and ratio and metric["primary"]:
        more["pools"] = pools_of(document, cell, metric["name"])
        found["pooled"] = {
            "theta": ratio["theta"],
            "se": ratio["se"],
            "ci": bounds(ratio, "ci", "ci95"),
            "bootstrap": bounds(drawn, "pooled_ci", "pooled_ci95"),
        }
    return {
        **more,
        "name": f"{cell['scenario']} {metric['name']}",
        "tau": max(metric["tolerance"], metric["noise_floor"]),
        "seed": exact["seed"],
        "scale": scale,
        # Older checks do not have the order's slope.
        "ordered": "gamma" in exact,
        "rounds": [{v["arm"].lower(): seat(v) for v in row["values"]} for row in metric["rounds"]],
        "found": found,
    }


def of_estimate(estimate):
    if estimate is None:
        return None
    same = ("delta", "gamma", "se", "df", "p", "s_d", "mde")
    ranges = {"ci": bounds(estimate, "ci", "ci95"), "tost": bounds(estimate, "tost", "ci90")}
    return {**{key: estimate[key] for key in same}, **ranges}


def bounds(holder, name, old_name):
    """An interval's ends; older documents have it under its old name."""
    found = holder[name] if name in holder else holder[old_name]
    return [found["low"], found["high"]]


# --- rates, from counts alone -----------------------------------------------------------------------------

RATES = {"tokens-per-second": "output", "requests-per-second": "ok", "goodput-per-second": "good"}


def rates(parts):
    """Each trial's rates from the counts of its parts, over the longest window of its slots."""
    trials = {}
    for part in parts:
        trials.setdefault((part["cell"], part["round"], part["arm"]), []).append(part)
    for key, slots in trials.items():
        wall = max(part["wall_ns"] for part in slots) / 1e9
        for name, count in RATES.items():
            counts = [part[count] for part in slots]
            if wall > 0 and None not in counts:
                yield key, name, sum(counts) / wall


def parts_of(document):
    for part in document["parts"]:
        yield {
            "cell": part["cell"], "round": part["round"], "arm": part["arm"], "wall_ns": part["usage"]["wall_ns"],
            "output": part["output_tokens"], "ok": part["outcomes"]["ok"], "good": part.get("good"),
        }


def parts_of_table(lines):
    """The same from the table that `report --output csv` writes."""
    names = {("tokens", "output"): "output", ("requests", "ok"): "ok", ("requests", "good"): "good", ("window", "wall"): "wall_ns"}
    parts = {}
    for row in csv.DictReader(lines):
        key = int(row["cell"]), int(row["round"]), row["arm"], int(row["slot"])
        place = dict(zip(("cell", "round", "arm"), key))
        part = parts.setdefault(key, {**place, "good": None})
        name = names.get((row["kind"], row["name"]))
        if name:
            part[name] = int(row["value"])
    return parts.values()


def of_rates(document):
    """Every rate of a round that differs from its parts' counts; a rate of zero is a value."""
    if not any("good" in part for part in document["parts"]):
        return
    computed = {}
    for key, name, rate in rates(parts_of(document)):
        computed[(*key, name)] = rate
    for cell in document["cells"]:
        for metric in cell["metrics"]:
            if metric["name"] not in RATES:
                continue
            for row in metric["rounds"]:
                found = {v["arm"]: v["value"] for v in row["values"]}
                arms = [arm for c, r, arm, name in computed if (c, r, name) == (cell["index"], row["round"], metric["name"])]
                expected = {arm: computed[cell["index"], row["round"], arm, metric["name"]] for arm in arms}
                yield from differences(f"{cell['scenario']} {metric['name']}, round {row['round']}", found, expected)
                yield from (f"{cell['scenario']} {metric['name']}, round {row['round']}: arm {arm} is missing" for arm in sorted(set(expected) - set(found)))


def of_layouts(document):
    """Every figure of the layout control that differs from the recomputed one."""
    control, effects = document.get("layout") or {"arms": [], "noise": []}, {}
    for arm in control["arms"]:
        for metric in arm["metrics"]:
            if metric["effect"] is None:
                continue
            sign = -1 if metric["name"].endswith("-per-second") else 1
            values = [v["value"] for row in metric["rounds"] for v in row["values"]]
            # Layouts with zero in some round are left out of the spread, which is a spread of log
            # ratios.
            if min(values) == 0:
                continue
            seat = lambda v: {"cost": sign * math.log(v["value"]), "position": v["position"]}
            rounds = [{v["arm"].lower(): seat(v) for v in row["values"]} for row in metric["rounds"]]
            arms = ("a", "a2") if "a2" in rounds[0] else ("a",)
            effect = estimate(*pair(rounds, "b", arms), document["settings"])
            effects[arm["scenario"], arm["variant"], metric["name"]] = effect
            name = f"{arm['scenario']} {arm['variant']} {metric['name']}"
            yield from differences(name, of_estimate(metric["effect"]), effect)
    spreads = {}
    for noise in control["noise"]:
        place = noise["scenario"], noise["metric"]
        own = [effects[noise["scenario"], one["variant"], noise["metric"]] for one in noise["counted"]]
        spread = {"mean": None, "sd": None, "sd_without_error": None}
        if len(own) > 1:
            deltas, error = [e["delta"] for e in own], float(np.mean([e["se"] ** 2 for e in own]))
            sd = float(np.std(deltas, ddof=1))
            spread = {"mean": float(np.mean(deltas)), "sd": sd, "sd_without_error": math.sqrt(max(0.0, sd**2 - error))}
        spreads[place] = spread["sd"]
        expected = {**spread, "counted": [{key: e[key] for key in ("delta", "se")} for e in own]}
        counted = [{key: one[key] for key in ("delta", "se")} for one in noise["counted"]]
        yield from differences(" ".join(place), {**{key: noise[key] for key in spread}, "counted": counted}, expected)
    for cell in document["cells"]:
        for metric in cell["metrics"]:
            if metric.get("layout"):
                sd = spreads[cell["scenario"], metric["name"]]
                noise = "unknown" if sd is None else "within" if abs(metric["effect"]["delta"]) < sd else "beyond"
                found = {key: metric["layout"][key] for key in ("noise", "sd")}
                yield from differences(f"{cell['scenario']} {metric['name']}.layout", found, {"noise": noise, "sd": sd})


def families(document):
    if document.get("format") == "rounds/1":
        return [document]
    if document.get("kind") == "run" and document.get("schema_version") == 1:
        return list(of_run(document))
    return None


def main():
    if sys.argv[1:] == ["--fixture"]:
        json.dump(fixture(), sys.stdout, indent=1)
        print()
        return 0
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    if sys.argv[1].endswith(".csv"):
        with open(sys.argv[1], encoding="utf-8", newline="") as file:
            for (cell, number, arm), name, rate in rates(parts_of_table(file)):
                json.dump({"cell": cell, "round": number, "arm": arm, "name": name, "value": rate}, sys.stdout)
                print()
        return 0
    with sys.stdin if sys.argv[1] == "-" else open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    documents = families(document)
    if documents is None:
        print("neither a run's document nor rounds/1", file=sys.stderr)
        return 2
    wrong = []
    for family in documents:
        for metric, result in zip(family["metrics"], recompute_all(family)):
            here = list(differences(metric["name"], metric.get("found", {}), result))
            agrees = {} if "found" not in metric else {"agrees": not here}
            json.dump({"name": metric["name"], **agrees, **result}, sys.stdout)
            print()
            wrong += here
    if document.get("kind") == "run":
        wrong += of_layouts(document)
        wrong += of_rates(document)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
