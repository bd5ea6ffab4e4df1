#!/usr/bin/env python3
"""A worker in another language, written from docs/protocol.md by somebody who had not read the one in Rust.
Test only: its engine answers in virtual time, and the part is sent when that time has passed. WORKER_LIES
says what it reports wrongly: `seed`, or a number of the part, to which it adds one."""
import base64, hashlib, itertools, json, math, os, queue, socket, struct, sys, threading, time, types, zlib
from collections import Counter, deque
import grpc
from bench.record.v1 import record_pb2 as record
from bench.v1 import session_pb2 as wire
from hdrh.histogram import HdrHistogram

MASK, PHI, SECOND, HOUR, RUN_IN, PIECE = 2**64 - 1, 0x9E3779B97F4A7C15, 10**9, 3600 * 10**9, 2**31, 2**18
LIE, EXE = os.environ.get("WORKER_LIES"), hashlib.sha256(open(__file__, "rb").read()).digest()

def mix(z):
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31

def stream(seed, purpose, index):
    state = mix(mix(seed + PHI * purpose & MASK) + PHI * (index + 1) & MASK)
    while True:
        state = state + PHI & MASK
        yield mix(state)

def uniform(bits): return (next(bits) >> 11) * 2.0**-53
def below(bits, n): return next(bits) * n >> 64
def normal(bits): return math.sqrt(-2 * math.log(1 - uniform(bits))) * math.cos(2 * math.pi * uniform(bits))
def nearest(x): return max(0, math.floor(x + 0.5))

def length(bits, spec, prefix=0):
    """Tokens asked and tokens sent, the prefix included."""
    if not isinstance(spec, dict): return spec + prefix, spec + prefix
    least, most, mean, sd = (spec.get(key, 0) for key in ("min", "max", "mean", "sd"))
    if spec["kind"] == "uniform":
        asked = least + below(bits, most - least + 1)
    elif spec["kind"] == "normal":
        asked = nearest(mean + sd * normal(bits))
    else:
        v = math.log(1 + (sd / mean) ** 2)
        asked = nearest(math.exp(math.log(mean) - v / 2 + math.sqrt(v) * normal(bits)))
    return asked + prefix, min(max(asked, least), most) + prefix

class Load:
    """The requests of a share, before and in the window, and how many a closed loop has in flight."""
    def __init__(self, a):
        self.a = a
        self.plan = json.loads(a.scenario_json, object_hook=lambda o: {k: o[k] for k in o if o[k] is not None})
        shape, stop, self.kind = self.plan["shape"], self.plan.get("stop", {}), self.plan["shape"]["kind"]
        known = {"duration", "requests"} if "rate" in shape else set()
        strange = stop.keys() - known | {"max_in_flight", "file"} & {*self.plan, *self.plan["prompt"]}
        if strange or self.kind not in ("burst", "closed-loop", "constant", "poisson"):
            raise ValueError(4, f"this worker does not know how to send such a load: {a.scenario_json}")
        self.rate, run_in = shape.get("rate", math.inf), min(stop.get("duration", 0) / 10, 5)
        run_in = self.plan["warmup"].get("run_in", run_in) if known else 0
        expected = shape.get("requests") or stop.get("requests") or self.rate * stop["duration"]
        self.run_in, early = nearest(run_in * SECOND), run_in and self.rate * run_in
        self.early = [self.request(RUN_IN + n, at - self.run_in) for n, at in self.due(early, 9)]
        self.window = [self.request(n, at) for n, at in self.due(expected, 6)]
        self.in_flight = len(range(a.share, shape.get("concurrency", RUN_IN), a.shares))

    def due(self, expected, purpose):
        indices = range(self.a.share, nearest(expected), self.a.shares)
        if self.kind != "poisson": return [(n, nearest(n / self.rate * SECOND)) for n in indices]
        bits = stream(self.a.seed, purpose, self.a.share)
        sums = list(itertools.accumulate(-math.log(1 - uniform(bits)) for _ in range(len(indices) + 1)))
        return [(n, nearest(expected * s / sums[-1] / self.rate * SECOND)) for n, s in zip(indices, sums)]

    def request(self, index, due):
        bits, kinds = stream(self.a.seed, 7, index % 4096), self.plan.get("mix", [{"weight": 1}])
        x = uniform(bits) * sum(kind["weight"] for kind in kinds)
        kind = next((kind for kind in kinds if (x := x - kind["weight"]) < 0), kinds[-1])
        prompt = kind.get("prompt") or self.plan["prompt"]
        if prefix := prompt.get("prefix"): below(bits, prefix["groups"])
        prompt = length(bits, prompt["tokens"], prefix and prefix["tokens"] or 0)
        answer = length(bits, kind.get("output_tokens", self.plan["output_tokens"]))
        return types.SimpleNamespace(index=index, due=due, prompt=prompt, answer=answer, tokens=[])

    def play(self, sim):
        bits = stream(next(stream(self.a.seed, 4, self.a.slot * 256 + self.a.arm)), 4, 0)
        todo, rest = deque(self.early + self.window[:self.in_flight]), deque(self.window[self.in_flight:])
        now, running = -self.run_in, []
        while todo or running:
            now = now if running else max(now, todo[0].due)
            work = sim["step_base_ns"] + sim["decode_ns"] * len(running)
            while todo and todo[0].due <= now and len(running) < sim["max_batch"]:
                running.append(todo.popleft())
                running[-1].begun, work = now, work + sim["prefill_ns"] * running[-1].prompt[1]
            now += int(work * sim["scale"] * math.exp(sim["jitter"] * normal(bits)))
            for r in running:
                r.tokens.append(now)
                if len(r.tokens) == r.answer[1] and rest:
                    rest[0].due = now
                    todo.append(rest.popleft())
            running = [r for r in running if len(r.tokens) < r.answer[1]]

def histogram(metric, values):
    values, buckets = [max(1, value) for value in values], HdrHistogram(1, HOUR, 3)
    list(map(buckets.record_value, values))
    return {"metric": metric, "v2_deflate": base64.b64decode(buckets.encode()), "count": len(values),
            "min": min(values, default=0), "max": max(values, default=0), "sum_low": sum(values)}

def lengths(pairs):
    of, cut = {"least": min, "most": max, "sum": sum}, [a - s for a, s in pairs if a > s]
    found = {f"{side}_{key}": of[key](n) for side, n in zip(("asked", "sent"), zip(*pairs)) for key in of}
    return found | {"cut": len(cut), "cut_tokens": sum(cut), "raised": sum(a < s for a, s in pairs)}

def part(load, start):
    a, rs, n, digest = load.a, load.window, len(load.window), hashlib.sha256()
    ends, goals = [r.tokens[-1] for r in rs] or [0], load.plan.get("objectives", {})
    width = next(width for width in (10_000_000 << k for k in range(64)) if max(ends) // width < 256)
    slices = [Counter() for _ in range(max(ends) // width + 1)]
    for r in rs:
        r.first, r.done, due, end = r.tokens[0], r.tokens[-1], r.due // width, r.tokens[-1] // width
        r.ttft, r.e2e = r.first - r.due, r.done - r.due
        tokens, r.tpot = stream(a.seed, 3, r.index), (r.done - r.first) / max(1, len(r.tokens) - 1)
        words = [r.index, *(below(tokens, 32_000) for _ in r.tokens)]
        digest.update(struct.pack(f"<{len(words)}I", *words))
        slices[due].update(offered=1, issued=1, intended_ok=1, e2e_sum_ns=r.e2e, ttft_sum_ns=r.ttft)
        slices[end].update(ended=1, ok=1, tokens=len(r.tokens))
        for k in range(due, end + 1):
            slices[k]["in_flight_ns"] += min(r.done, (k + 1) * width) - max(r.due, k * width)
    values = {"e2e": [r.e2e for r in rs], "service": [r.e2e for r in rs], "ttft": [r.ttft for r in rs],
              "queue": [r.begun - r.due for r in rs], "prefill": [r.first - r.begun for r in rs],
              "decode": [r.done - r.first for r in rs], "lateness": [0] * n,
              "itl": [b - a for r in rs for a, b in itertools.pairwise(r.tokens)],
              "tpot": [int(r.tpot) for r in rs if len(r.tokens) > 1]}
    prompts, answers = lengths([r.prompt for r in rs]), lengths([r.answer for r in rs])
    steps = sorted(Counter(at for r in rs for at in r.tokens).items())
    made = record.Part(
        run=a.run, scenario=a.scenario_index, round=a.round, arm=a.arm, slot=a.slot, attempt=start.attempt,
        variant=a.variant, exe_sha256=EXE, hostname=socket.gethostname(), outcomes={"planned": n, "ok": n},
        histograms=[histogram(*each) for each in values.items()], offered=n, run_in=len(load.early),
        requests=[{"index": r.index, "intended_ns": r.due, "sent_ns": r.due, "started_ns": r.begun,
                   "first_token_ns": r.first, "done_ns": r.done, "prompt_tokens": r.prompt[1],
                   "output_tokens": r.answer[1]} for r in rs[:4096]], requests_not_kept=max(0, n - 4096),
        prompt_tokens=sum(r.prompt[1] for r in rs), output_tokens=sum(r.answer[1] for r in rs),
        token_digest=digest.digest() if n else bytes(32), clock_uncertainty_ns=start.uncertainty_ns,
        first_completion_ns=min(ends), last_completion_ns=max(ends), usage={"wall_ns": max(ends)},
        engine={"model_digest": "simulated", "threads": 1, "kernels": "python"}, series_width_ns=width,
        series=slices, in_time=n if load.rate < math.inf else None, 
        good=sum(all(getattr(r, k) <= v * SECOND for k, v in goals.items()) for r in rs) if goals else None,
        step_gaps_ns=[at - before for (at, _), before in zip(steps[:1024], [0] + [at for at, _ in steps])],
        step_tokens=[count for _, count in steps[:1024]], steps_not_kept=max(0, len(steps) - 1024),
        sent={"requests": n, "prompts": prompts, "answers": answers})
    if LIE in made.DESCRIPTOR.fields_by_name: setattr(made, LIE, getattr(made, LIE) + 1)
    payload = made.SerializeToString()
    head = struct.pack(">HHI", 1, 1, len(payload))
    return max(ends), b"PGOB" + head + struct.pack(">I", zlib.crc32(head + payload)) + payload

def main():
    """The session. Nothing but the part waits for its time, so that pings are answered at once."""
    out, heard, awaits, attempt, over, timer = queue.SimpleQueue(), time.monotonic(), "load", 0, None, None
    def say(**message): out.put(wire.FromPeer(**message))
    def beat(welcome):
        while time.monotonic() - heard < welcome.lease_ms / 1000:
            say(beat={})
            time.sleep(welcome.beat_ms / 1000)
        os._exit(1)
    def report(whole):
        for at in range(0, len(whole), PIECE):
            last, piece = at + PIECE >= len(whole), whole[at:at + PIECE]
            say(part={"attempt": attempt, "seq": at // PIECE, "last": last, "bytes": piece})

    say(hello={"protocol": 3, "token": os.environ["PGO_BENCH_TOKEN"], "build": {"exe_sha256": EXE},
               "host": {}, "worker": {"ticket": int(os.environ["PGO_BENCH_TICKET"])}})
    link = grpc.insecure_channel(os.environ["PGO_BENCH_COORDINATOR"].removeprefix("http://"))
    session = link.stream_stream("/bench.v1.Bench/Session", wire.FromPeer.SerializeToString, wire.ToPeer.FromString)
    for down in session(iter(out.get, None)):
        heard, kind = time.monotonic(), down.WhichOneof("kind")
        m = getattr(down, kind)
        if kind == "ping": say(pong={"seq": m.seq, "mono_ns": time.monotonic_ns()})
        elif kind == "welcome": threading.Thread(target=beat, args=[m], daemon=True).start()
        elif kind == "refused": sys.exit(m.message)
        elif kind == "drain":
            timer and timer.join()
            out.put(None)
        elif m.attempt >= attempt and not (m.attempt == over and kind in ("start", "part_stored")):
            attempt = m.attempt
            try:
                if kind != awaits: raise ValueError(6, f"{kind} came instead of {awaits}")
                elif kind == "load":
                    sim, awaits = json.loads(m.engine_json), "arm"
                    able = {"model_digest": "simulated", "max_context": 2**24, "threads": 1}
                    say(loaded={"attempt": attempt, "report": able})
                elif kind == "arm":
                    m.assignment.seed ^= LIE == "seed"
                    load, awaits = Load(m.assignment), "start"
                    load.play(sim)
                    say(armed={"attempt": attempt})
                else:
                    (wall, whole), over, awaits = part(load, m), attempt, "arm"
                    left = m.at_mono_ns + load.run_in + wall - time.monotonic_ns()
                    timer = threading.Timer(left / SECOND, report, [whole])
                    timer.start()
            except ValueError as why:
                over, (code, message) = attempt, why.args
                say(failed={"attempt": attempt, "kind": code, "message": message})

main()
