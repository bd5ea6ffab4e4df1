#!/usr/bin/env python3
"""Checks that llama.cpp computes the same model: compares its most likely token after each position of the reference's
texts with the reference's own (candle, F32). The engine's tests compare the engine with the same reference.

    agree.py MODEL.gguf [REFERENCE.logits]

Exit code 1 if a token differs although the reference's two best are further apart than rounding to BF16 explains.
"""

import json
import pathlib
import struct
import subprocess
import sys

# Twice the largest difference of a logit that the engine's tests measured with a BF16 cache.
MARGIN = 0.46
HERE = pathlib.Path(__file__).resolve().parent
REFERENCE = HERE.parents[1] / "worker/inference/tests/fixtures/smollm2-135m.logits"


def texts(data):
    """Tokens of each text, and after each of them the best token and its lead over the second."""
    _, _, top, samples = struct.unpack_from("<QIII", data, 8)
    at = 28 + 4 * samples
    (count,) = struct.unpack_from("<I", data, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<I", data, at)
        tokens = struct.unpack_from(f"<{length}I", data, at + 4)
        at += 4 + 4 * length
        after = []
        for _ in range(length):
            best = struct.unpack_from("<" + "If" * top, data, at)
            after.append((best[0], best[1] - best[3]))
            at += 8 * top + 4 * samples
        yield tokens, after


def main():
    data = (pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else REFERENCE).read_bytes()
    command = [sys.executable, str(HERE / "llama.py"), sys.argv[1], "--batches", ""]
    positions, missed = 0, []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        for tokens, after in texts(data):
            process.stdin.write(f"tokens {','.join(map(str, tokens))}\n")
            process.stdin.flush()
            found = json.loads(process.stdout.readline())
            positions += len(found)
            missed += [lead for token, (best, lead) in zip(found, after) if token != best]
        process.stdin.close()
    widest = max(missed, default=0.0)
    print(f"{positions} positions, {len(missed)} with another best token, the reference's widest lead there {widest:.3f}")
    raise SystemExit(widest > MARGIN)


main()
