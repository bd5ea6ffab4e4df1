"""When requests of a gamma load, a ramp or steps are due, as docs/protocol.md says it. No worker: test only.

`arrivals.py SEED SHARE SHARES < scenario.json` prints a share's due times, one a line: nanoseconds from the
opening of the window, those of the run-in below zero.
"""
import json, math, sys
from fractions import Fraction

MASK, PHI, SECOND, WINDOW, RUN_IN = 2**64 - 1, 0x9E3779B97F4A7C15, 10**9, 6, 9


def mix(z):
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


class Stream:
    def __init__(self, seed, purpose, index):
        self.state = mix(mix(seed + PHI * purpose & MASK) + PHI * (index + 1) & MASK)

    def uniform(self):
        self.state = self.state + PHI & MASK
        return (mix(self.state) >> 11) * 2.0**-53

    def normal(self):
        return math.sqrt(-2.0 * math.log(1.0 - self.uniform())) * math.cos(math.tau * self.uniform())

    def gamma(self, a):
        if a < 1.0:
            boost = (1.0 - self.uniform()) ** (1.0 / a)
            return boost * self.gamma(a + 1.0)
        d = a - 1.0 / 3.0
        c = 1.0 / math.sqrt(9.0 * d)
        while True:
            x = self.normal()
            v = 1.0 + c * x
            v = v * (v * v)
            if v > 0.0 and math.log(1.0 - self.uniform()) < 0.5 * x * x + d - d * v + d * math.log(v):
                return d * v

    def gap(self, cv):
        a = 1.0 / (cv * cv)
        return -math.log(1.0 - self.uniform()) if cv == 1.0 else self.gamma(a) / a


def ns(seconds):
    return round(Fraction(seconds) * SECOND)


def nearest(value):
    return math.floor(value) + (value - math.floor(value) >= 0.5)


class Rate:
    """Pieces (from, to, length in ns); the last one, or one without a length, goes on."""

    def __init__(self, *pieces):
        self.pieces = pieces

    def reached(self, piece, time):
        """What comes of a piece in `time`."""
        t = (time if piece[2] is None else min(time, piece[2])) / SECOND
        return piece[0] * t + self.slope(piece) * t * t / 2.0

    def slope(self, piece):
        return 0.0 if piece[2] is None else (piece[1] - piece[0]) / (piece[2] / SECOND)

    def over(self, time):
        total = 0.0
        for piece in self.pieces:
            total += self.reached(piece, time)
            time = max(0, time - (time if piece[2] is None else piece[2]))
        return total

    def when(self, n):
        passed = 0
        for piece in self.pieces:
            here = math.inf if piece[2] is None else self.reached(piece, piece[2])
            if n < here:
                below = piece[0] + math.sqrt(max(0.0, piece[0] * piece[0] + 2.0 * self.slope(piece) * n))
                return passed + ns(2.0 * n / below if below > 0.0 else 0.0)
            n, passed = n - here, passed + piece[2]
        return passed + ns(n / self.pieces[-1][1] if self.pieces[-1][1] > 0.0 else 0.0)


def due(rate, cv, expected, seed, purpose, share, shares):
    indices = range(share, nearest(expected), shares)
    if cv == 0.0:
        return [rate.when(float(n)) for n in indices]
    stream, passed = Stream(seed, purpose, share), 0.0
    gaps = [stream.gap(cv) for _ in range(len(indices) + 1)]
    every, times = sum(gaps), []
    for gap in gaps[:-1]:
        passed += gap
        times.append(rate.when(expected * passed / every))
    return times


def main(seed, share, shares):
    scenario = json.load(sys.stdin)
    shape, stop, run_in = scenario["shape"], scenario.get("stop", {}), scenario["warmup"].get("run_in")
    if shape["kind"] == "gamma":
        rate, cv, window = Rate((shape["rate"], shape["rate"], None)), shape["cv"], ns(stop["duration"])
        run_in = min(window // 10, 5 * SECOND) if run_in is None else ns(run_in)
    else:
        each, cv = ns(shape.get("each", shape.get("over"))), float(shape.get("arrivals") != "constant")
        ends = [(at, at) for at in shape["rates"]] if "rates" in shape else [(shape["from"], shape["to"])]
        rate, window, run_in = Rate(*((*end, each) for end in ends)), each * len(ends), ns(run_in or 0)
    first = rate.pieces[0][0]
    before = due(Rate((first, first, None)), cv, first * (run_in / SECOND), seed, RUN_IN, share, shares)
    times = [time - run_in for time in before] + due(rate, cv, rate.over(window), seed, WINDOW, share, shares)
    print(*times, sep="\n")


main(*map(int, sys.argv[1:]))
