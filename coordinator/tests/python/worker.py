#!/usr/bin/env python3
"""A worker in another language: follows docs/protocol.md and shares no code with the one in Rust. Test only: its engine
is a model in virtual time, so that what it reports follows from plan and seed. An agent starts it like any build, as
`worker join`. WORKER_LIES names what it says wrongly: `seed` or a number of the part, to which it adds one."""
import base64, hashlib, json, os, queue, struct, sys, threading, time, zlib
from collections import Counter
import grpc
from bench.record.v1 import record_pb2 as record
from bench.v1 import session_pb2 as wire
from hdrh.histogram import HdrHistogram
from load import SECOND, Share, Stream, ns

PROTOCOL, PIECE, HOUR, TOKEN = 3, 262_144, 3_600_000_000_000, 3


def histogram(name, values):
    values, buckets = [max(1, value) for value in values], HdrHistogram(1, HOUR, 3)
    list(map(buckets.record_value, values))
    return record.MetricHistogram(metric=name, v2_deflate=base64.b64decode(buckets.encode()), count=len(values),
                                  min=min(values, default=0), max=max(values, default=0), sum_low=sum(values))


def lengths(pairs):
    asked, sent, cut = [a for a, _ in pairs], [s for _, s in pairs], [a - s for a, s in pairs if a > s]
    return record.Lengths(asked_least=min(asked), asked_most=max(asked), asked_sum=sum(asked), sent_least=min(sent),
                          sent_most=max(sent), sent_sum=sum(sent), cut=len(cut), cut_tokens=sum(cut),
                          raised=sum(s > a for a, s in pairs))


def slices(requests, wall):
    width = 10_000_000
    while wall // width >= 256:
        width *= 2
    found = [Counter() for _ in range(wall // width + 1)]
    for r in requests:
        sent, first, end = r["sent"], r["times"][0], r["times"][-1]
        found[sent // width].update(offered=1, issued=1, intended_ok=1, e2e_sum_ns=end - sent, ttft_sum_ns=first - sent)
        found[end // width].update(ended=1, ok=1, tokens=len(r["times"]))
        for at in range(sent // width, end // width + 1):
            found[at].update(in_flight_ns=min(end, (at + 1) * width) - max(sent, at * width))
    return {"series_width_ns": width, "series": [record.Bucket(**one) for one in found]}


def kept(r):
    return record.RequestRecord(index=r["index"], intended_ns=r["sent"], sent_ns=r["sent"], started_ns=r["started"],
                                first_token_ns=r["times"][0], done_ns=r["times"][-1], prompt_tokens=r["prompt"][1],
                                output_tokens=len(r["times"]))


def measured(share, attempt, hello, uncertainty):
    a, rs, digest = share.a, share.window, hashlib.sha256()
    for r in rs:
        tokens = Stream(a.seed, TOKEN, r["index"])
        words = [r["index"]] + [tokens.below(32_000) for _ in r["times"]]
        digest.update(struct.pack(f"<{len(words)}I", *words))
    ends, wall = [r["times"][-1] for r in rs], max(r["times"][-1] for r in rs)
    steps = sorted(Counter(at for r in rs for at in r["times"]).items())
    span = {"e2e": ("sent", -1), "ttft": ("sent", 0), "service": ("sent", -1), "prefill": ("started", 0)}
    values = {name: [r["times"][to] - r[of] for r in rs] for name, (of, to) in span.items()}
    values |= {"queue": [r["started"] - r["sent"] for r in rs], "lateness": [0] * len(rs)}
    values["decode"] = [r["times"][-1] - r["times"][0] for r in rs]
    values["tpot"] = [(r["times"][-1] - r["times"][0]) // (len(r["times"]) - 1) for r in rs if len(r["times"]) > 1]
    values["itl"] = [b - a for r in rs for a, b in zip(r["times"], r["times"][1:])]
    first, last = (lambda r: r["times"][0]), (lambda r: r["times"][-1])
    each = {"ttft": lambda r: first(r) - r["sent"], "e2e": lambda r: last(r) - r["sent"],
            "tpot": lambda r: (last(r) - first(r)) // max(1, len(r["times"]) - 1)}
    goals = share.scenario.get("objectives", {})
    good = sum(all(each[name](r) <= ns(most) for name, most in goals.items()) for r in rs) if goals else None
    part = record.Part(
        run=a.run, scenario=a.scenario_index, round=a.round, arm=a.arm, slot=a.slot, attempt=attempt, variant=a.variant,
        exe_sha256=hello.build.exe_sha256, hostname=hello.host.hostname, token_digest=digest.digest(), offered=len(rs),
        requests=[kept(r) for r in rs[:4096]], requests_not_kept=max(0, len(rs) - 4096), good=good,
        histograms=[histogram(name, of) for name, of in values.items()], run_in=len(share.early),
        outcomes=record.Outcomes(planned=len(rs), ok=len(rs)), prompt_tokens=sum(r["prompt"][1] for r in rs),
        output_tokens=sum(r["answer"][1] for r in rs), first_completion_ns=min(ends), last_completion_ns=wall,
        clock_uncertainty_ns=uncertainty, usage=record.Usage(wall_ns=wall), in_time=len(rs) if share.closes else None,
        engine=record.EngineFacts(model_digest="simulated", threads=1, steps=len(steps), kernels="python"),
        sent=record.Sent(requests=len(rs), prompts=lengths([r["prompt"] for r in rs]),
                         answers=lengths([r["answer"] for r in rs])),
        step_gaps_ns=[at - before for (at, _), before in zip(steps[:1024], [0] + [at for at, _ in steps])],
        step_tokens=[count for _, count in steps[:1024]], steps_not_kept=max(0, len(steps) - 1024), **slices(rs, wall))
    if (lie := os.environ.get("WORKER_LIES", "seed")) != "seed":
        setattr(part, lie, getattr(part, lie) + 1)
    payload = part.SerializeToString()
    head = struct.pack(">HHI", 1, 1, len(payload))
    return b"PGOB" + head + struct.pack(">I", zlib.crc32(head + payload)) + payload, wall


class Worker:
    def __init__(self, exe):
        build = wire.BuildInfo(version="python", target="python", exe_sha256=exe)
        self.hello = wire.Hello(protocol=PROTOCOL, token=os.environ["PGO_BENCH_TOKEN"], pid=os.getpid(), build=build,
                                host=record.HostFacts(hostname=os.uname().nodename))
        self.hello.worker.ticket = int(os.environ["PGO_BENCH_TICKET"])
        self.outbox, self.heard, self.attempt = queue.SimpleQueue(), time.monotonic(), 0

    def say(self, **kind):
        self.outbox.put(wire.FromPeer(**kind))

    def live(self, welcome):
        while time.monotonic() - self.heard < welcome.lease_ms / 1000:
            self.say(beat=wire.Beat())
            time.sleep(welcome.beat_ms / 1000)
        os._exit(3)

    def at(self, instant, do):
        threading.Timer(max(0.0, (instant - time.monotonic_ns()) / SECOND), do).start()

    def report(self, attempt, sealed):
        pieces = [sealed[at:at + PIECE] for at in range(0, len(sealed), PIECE)]
        for seq, piece in enumerate(pieces):
            self.say(part={"attempt": attempt, "seq": seq, "last": seq + 1 == len(pieces), "bytes": piece})

    def on(self, kind, down):
        if kind in ("load", "arm", "start"):
            if down.attempt < self.attempt:
                return False
            self.attempt = down.attempt
        if kind == "ping":
            self.say(pong=wire.Pong(seq=down.seq, mono_ns=time.monotonic_ns()))
        elif kind == "welcome":
            threading.Thread(target=self.live, args=[down], daemon=True).start()
        elif kind == "load":
            self.sim = json.loads(down.engine_json)
            report = {"model_digest": "simulated", "max_context": 2**32 - 1, "threads": 1}
            self.say(loaded={"attempt": down.attempt, "report": report})
        elif kind == "arm":
            try:
                down.assignment.seed += os.environ.get("WORKER_LIES") == "seed"
                self.share = Share(down.assignment)
                self.share.serve(self.sim)
                self.say(armed={"attempt": down.attempt})
            except ValueError as error:
                self.say(failed={"attempt": down.attempt, "kind": "FAILURE_KIND_BAD_ASSIGNMENT", "message": str(error)})
        elif kind == "start":
            sealed, wall = measured(self.share, down.attempt, self.hello, down.uncertainty_ns)
            over = down.at_mono_ns + self.share.opens + wall
            self.at(over, lambda: self.report(down.attempt, sealed))
        elif kind == "flush":
            self.say(flushed={"instrumented": False})
        elif kind == "refused":
            sys.exit(down.message)
        return kind == "drain"

    def run(self):
        scheme, address = os.environ["PGO_BENCH_COORDINATOR"].split("://")
        pem = [os.environ.get("PGO_BENCH_TLS_" + name, "").encode() for name in ("CA", "KEY", "CERT")]
        secure = scheme == "https" and grpc.ssl_channel_credentials(*pem)
        channel = grpc.secure_channel(address, secure) if secure else grpc.insecure_channel(address)
        self.outbox.put(wire.FromPeer(hello=self.hello))
        session = channel.stream_stream("/bench.v1.Bench/Session", wire.FromPeer.SerializeToString, wire.ToPeer.FromString)
        for down in session(iter(self.outbox.get, None)):
            self.heard = time.monotonic()
            if self.on(down.WhichOneof("kind"), getattr(down, down.WhichOneof("kind"))):
                self.outbox.put(None)


if __name__ == "__main__":
    with open(__file__, "rb") as own:
        Worker(hashlib.sha256(own.read()).digest()).run()
