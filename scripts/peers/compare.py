#!/usr/bin/env python3
"""Compare our engine with another in one session: the same weights and threads, alternating round by round.

    compare.py --worker WORKER --model DIR --gguf MODEL.gguf [--json FILE]       llama.cpp, its best setting each
    compare.py --worker WORKER --model DIR --candle candle-peer [--json FILE]    candle, 100 requests at once

Each round runs both once, in alternating order. Prints medians with minimum and maximum, the ratio of each round, and
the share of the processors that other processes used. Run by hand, on a quiet machine.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys

# What the engine must reach, as ratios to llama.cpp and (100 at once) to candle.
WANTED = {"prefill": 1.4, "decode 1": 1.1, "decode 8": 1.4, "decode 32": 1.7, "decode 100": 10}


# The settings with which llama.cpp is fastest, figure by figure (`docs/peers.md` has the table).
BEST = [["--batches", "1"], ["--batches", "1", "--flash", "off"], ["--batches", "8,32", "--kv", "bf16"]]


def busy():
    """Busy seconds and elapsed seconds, summed over the machine's processors."""
    fields = [int(word) for word in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    ticks = os.sysconf("SC_CLK_TCK")
    return (sum(fields) - fields[3] - fields[4]) / ticks, sum(fields) / ticks


def used(process):
    """Processor seconds of a process."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def own(peers):
    """Processor seconds of this process, of the children it waited for and of the peers."""
    return sum(os.times()[:4]) + sum(used(process) for process in peers)


def ours(args):
    command = [args.worker, "bench", "--model", args.model, "--threads", str(args.threads), "--prompt", str(args.prompt)]
    command += ["--batches", args.batches, "--repeat", "1", "--output", "json"]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"`{' '.join(command)}` failed: {run.stderr}")
    found = json.loads(run.stdout)
    rates = {"prefill": found["prefill"]["tokens_per_second"]["median"]}
    rates.update({f"decode {row['batch']}": row["tokens_per_second"]["median"] for row in found["decode"]})
    shares = {"prefill of FMA peak": found["prefill"]["multiply_add_share"]}
    shares.update({f"decode {row['batch']} of read bandwidth": row["read_share"] for row in found["decode"][:1]})
    return rates, shares, found["kernels"]


def theirs(peers):
    """One round of every peer, each stopped again after it so that no thread of it keeps spinning; the best of each
    figure is what counts."""
    best = {}
    for process in peers:
        process.send_signal(signal.SIGCONT)
        process.stdin.write("round\n")
        process.stdin.flush()
        for name, rate in json.loads(process.stdout.readline()).items():
            best[name] = max(rate, best.get(name, 0.0))
        process.send_signal(signal.SIGSTOP)
    return best


def spread(values, digits):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}..{max(values):.{digits}f})"


def rounds(args, peers):
    found = []
    for number in range(args.rounds):
        (work, all_before), mine = busy(), own(peers)
        if number % 2 == 0:
            first, second = ours(args), theirs(peers)
        else:
            second, first = theirs(peers), ours(args)
        (work_after, all_after), mine_after = busy(), own(peers)
        others = max(0.0, (work_after - work - (mine_after - mine)) / (all_after - all_before))
        rates, shares, kernels = first
        found.append({"ours": rates, "shares": shares, "kernels": kernels, "peer": second, "others": others})
        print(f"round {number + 1} of {args.rounds}: others took {100 * others:.1f} % of the processors", file=sys.stderr)
    return found


def table(found, about):
    print(f"kernels {found[0]['kernels']}; peer {about['version']}, {about['system']}")
    print(f"{'measure':<12} {'ours, tokens/s':>26} {'peer, tokens/s':>26} {'ratio by round':>20}  wanted")
    for name in found[0]["ours"]:
        if name not in found[0]["peer"]:
            continue
        mine, others = [r["ours"][name] for r in found], [r["peer"][name] for r in found]
        ratios = [a / b for a, b in zip(mine, others)]
        wanted = WANTED.get(name)
        verdict = "" if wanted is None else f">= {wanted} {'yes' if statistics.median(ratios) >= wanted else 'NO'}"
        print(f"{name:<12} {spread(mine, 1):>26} {spread(others, 1):>26} {spread(ratios, 2):>20}  {verdict}")
    for name in found[0]["shares"]:
        print(f"{name}: {spread([100 * r['shares'][name] for r in found], 1)} %")
    others = [100 * r["others"] for r in found]
    print(f"{len(found)} rounds, median (least..greatest); others took {spread(others, 1)} % of the processors")


def commands(args):
    """The processes that make up the peer, one for each setting, and the threads of each operation in it."""
    if args.candle:
        fixed = [args.candle, args.model, args.batches, str(args.prompt), str(args.steps)]
        # Either one request at a time with all threads in each operation, or one thread per
        # request.
        return [(fixed + ["1"], args.threads), (fixed + [str(args.threads)], 1)]
    script = str(pathlib.Path(__file__).with_name("llama.py"))
    fixed = [sys.executable, script, args.gguf, "--threads", str(args.threads), "--prompt", str(args.prompt)]
    return [(fixed + best, args.threads) for best in BEST]


def start(stack, command, threads):
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    stack.enter_context(process)
    stack.callback(process.stdin.close)
    stack.callback(process.send_signal, signal.SIGCONT)
    about = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGSTOP)
    return process, about


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worker", required=True)
    parser.add_argument("--model", required=True)
    peer = parser.add_mutually_exclusive_group(required=True)
    peer.add_argument("--gguf", help="compare with llama.cpp, which reads this")
    peer.add_argument("--candle", help="compare with this program, built from scripts/peers/candle")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2, help="steps of decode of each of candle's requests")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", help="also write everything measured here")
    args = parser.parse_args()
    args.batches, args.prompt = ("100", 8) if args.candle else ("1,8,32", 512)
    with contextlib.ExitStack() as stack:
        started = [start(stack, command, threads) for command, threads in commands(args)]
        found = rounds(args, [process for process, _ in started])
    about = started[0][1]
    table(found, about)
    if args.json:
        document = {"rounds": found, "peer": [about for _, about in started], "load": os.getloadavg(), **vars(args)}
        pathlib.Path(args.json).write_text(json.dumps(document, indent=1) + "\n")


main()
