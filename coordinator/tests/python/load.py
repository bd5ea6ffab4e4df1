"""What follows from a seed (docs/protocol.md): what each request asks and when it is due; and a model of an engine that
answers in virtual time. Used by worker.py beside it."""
import json, math
from collections import deque
from fractions import Fraction

MASK, GOLDEN, SECOND = (1 << 64) - 1, 0x9E3779B97F4A7C15, 10**9
ARRIVAL, KIND, RUN_IN = 6, 7, 9


def mix(z):
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


class Stream:
    def __init__(self, seed, purpose, index):
        self.state = mix(mix(seed + GOLDEN * purpose & MASK) + GOLDEN * (index + 1) & MASK)

    def bits(self):
        self.state = self.state + GOLDEN & MASK
        return mix(self.state)

    def uniform(self):
        return (self.bits() >> 11) * 2.0**-53

    def below(self, n):
        return self.bits() * n >> 64

    def normal(self):
        radius = math.sqrt(-2.0 * math.log(1.0 - self.uniform()))
        return radius * math.cos(math.tau * self.uniform())

    def gamma(self, shape):
        if shape < 1.0:
            boost = (1.0 - self.uniform()) ** (1.0 / shape)
            return self.gamma(shape + 1.0) * boost
        d = shape - 1.0 / 3.0
        c = 1.0 / math.sqrt(9.0 * d)
        while True:
            x = self.normal()
            v = 1.0 + c * x
            v = v * (v * v)
            if v > 0.0 and math.log(1.0 - self.uniform()) < 0.5 * x * x + d - d * v + d * math.log(v):
                return d * v

    def gap(self, cv):
        if cv == 1.0:
            return -math.log(1.0 - self.uniform())
        shape = 1.0 / (cv * cv)
        return self.gamma(shape) / shape


def ns(seconds):
    return round(Fraction(seconds) * SECOND)


def secs(time):
    return time // SECOND + time % SECOND / 1e9


def whole(value):
    return max(0, math.floor(value) + (value - math.floor(value) >= 0.5))


def length(spec, stream):
    """As asked and as sent."""
    if isinstance(spec, int):
        return spec, spec
    least, most, mean, sd = spec["min"], spec["max"], spec.get("mean"), spec.get("sd")
    if spec["kind"] == "uniform":
        return (least + stream.below(most - least + 1),) * 2
    if spec["kind"] == "normal":
        asked = whole(mean + sd * stream.normal())
    else:
        variance = math.log1p((sd / mean) ** 2)
        asked = whole(math.exp(math.log(mean) - variance / 2.0 + math.sqrt(variance) * stream.normal()))
    return asked, min(max(asked, least), most)


def slope(piece):
    start, end, over = piece
    return 0.0 if over is None else (end - start) / secs(over)


def comes_to(piece, time):
    t = secs(time if piece[2] is None else min(time, piece[2]))
    return piece[0] * t + slope(piece) * t * t / 2.0


def when(profile, n):
    passed = 0
    for piece in profile:
        here = math.inf if piece[2] is None else comes_to(piece, piece[2])
        if n < here:
            below = piece[0] + math.sqrt(max(0.0, piece[0] * piece[0] + 2.0 * slope(piece) * n))
            return passed + ns(2.0 * n / below if below > 0.0 else 0.0)
        n, passed = n - here, passed + piece[2]
    return passed + ns(n / profile[-1][1] if profile[-1][1] > 0.0 else 0.0)


class Share:
    """What this worker sends, and when; nanoseconds. Shapes that it does not know are refused."""

    def __init__(self, a):
        self.a, self.scenario = a, json.loads(a.scenario_json)
        shape, stop = self.scenario["shape"], self.scenario.get("stop", {})
        self.kind, self.opens, self.closes, early = shape["kind"], 0, None, 0
        unknown = "max_in_flight" in self.scenario or '"file"' in a.scenario_json or stop.keys() - {"duration"}
        if self.kind in ("burst", "closed-loop") and not unknown and not stop:
            total = shape["requests"]
            self.due = [0] * len(self.mine(shape.get("concurrency", total)))
        elif self.kind in ("constant", "poisson", "gamma", "ramp", "steps") and not unknown:
            early, total = self.along(shape, stop)
        else:
            raise ValueError(f"this worker does not know how to send such a load ({self.kind})")
        self.early, self.window = ([self.ask(n) for n in self.mine(count)] for count in (early, total))

    def along(self, shape, stop):
        spacing = shape.get("arrivals", "poisson") if self.kind in ("ramp", "steps") else self.kind
        cv = {"constant": 0.0, "poisson": 1.0}.get(spacing) if spacing != "gamma" else shape["cv"]
        each = ns(shape.get("over", shape.get("each", 0)))
        rates = [(rate, rate) for rate in shape.get("rates", [])] or [(shape.get("from"), shape.get("to"))]
        profile = [(*rate, each) for rate in rates] if each else [(shape["rate"], shape["rate"], None)]
        lasts = [each * len(profile)] if each else []
        self.closes = min(lasts + [ns(stop[key]) for key in stop])
        run_in = self.scenario["warmup"].get("run_in")
        chosen = 0 if each or "duration" not in stop else min(self.closes // 10, 5 * SECOND)
        self.opens = chosen if run_in is None else ns(run_in)
        left, expected = self.closes, 0.0
        for piece in profile:
            expected, left = expected + comes_to(piece, left), max(0, left - (left if piece[2] is None else piece[2]))
        flat, before = [(profile[0][0], profile[0][0], None)], profile[0][0] * secs(self.opens)
        early, total = whole(before), whole(expected)
        self.due = self.times(RUN_IN, flat, cv, early, before)
        self.due += [self.opens + at for at in self.times(ARRIVAL, profile, cv, total, expected)]
        return early, total

    def mine(self, total):
        return range(self.a.share, total, self.a.shares)

    def times(self, purpose, profile, cv, total, expected):
        if cv == 0.0:
            return [when(profile, float(n)) for n in self.mine(total)]
        stream, passed, due = Stream(self.a.seed, purpose, self.a.share), 0.0, []
        gaps = [stream.gap(cv) for _ in range(len(self.mine(total)) + 1)]
        every = sum(gaps)
        for gap in gaps[:-1]:
            passed += gap
            due.append(when(profile, expected * passed / every))
        return due

    def ask(self, index):
        stream = Stream(self.a.seed, KIND, index % 4096)
        parts = self.scenario.get("mix") or [{"weight": 1.0}]
        left = stream.uniform() * sum(part["weight"] for part in parts)
        for part in parts:
            left -= part["weight"]
            if left < 0.0:
                break
        prompt = part.get("prompt") or self.scenario["prompt"]
        before = prompt["prefix"]["tokens"] if "prefix" in prompt else 0
        if before:
            stream.below(prompt["prefix"]["groups"])
        behind = length(prompt["tokens"], stream)
        answer = length(part.get("output_tokens") or self.scenario["output_tokens"], stream)
        return {"index": index, "prompt": (before + behind[0], before + behind[1]), "answer": answer, "times": []}

    def serve(self, sim):
        """Continuous batching: every running request gets a token at the end of a step."""
        due, todo, ready, running, now = deque(self.due), deque(self.early + self.window), deque(), [], 0
        while todo or ready or running:
            now = now if ready or running else max(now, due[0])
            while todo and due and due[0] <= now:
                ready.append(todo.popleft())
                ready[-1]["sent"] = due.popleft() - self.opens
            fresh = [ready.popleft() for _ in range(min(len(ready), sim["max_batch"] - len(running)))]
            work = sim["decode_ns"] * len(running) + sim["prefill_ns"] * sum(r["prompt"][1] for r in fresh)
            for request in fresh:
                request["started"] = now - self.opens
            now, running = now + 1 + int((sim["step_base_ns"] + work) * sim["scale"]), running + fresh
            for request in running:
                request["times"].append(now - self.opens)
            left = [request for request in running if len(request["times"]) < request["answer"][1]]
            due.extend([now] * (len(running) - len(left)) if self.kind == "closed-loop" else [])
            running = left
