#!/usr/bin/env python3
"""llama.cpp through its C API (pip install llama-cpp-python), measured as `worker bench` measures: a prompt alone, and
batches of sequences that only decode, after prompts of 128 tokens, 32 steps at a time.

    llama.py MODEL.gguf [--threads 2] [--prompt 512] [--batches 1,8,32]

Loads once, then measures everything once for every line on standard input and answers each with one line of JSON:
tokens per second by figure. A line `tokens ID,ID,...` is answered with the 32 greedy tokens that continue that prompt.
"""

import argparse
import ctypes
import json
import os
import sys
import time

# Waiting threads must not spin: they would take the processors from whoever is measured in turn.
os.environ["OMP_WAIT_POLICY"] = "passive"

import llama_cpp as c
import numpy

PROMPT, STEPS = 128, 32


class Engine:
    def __init__(self, path, threads, prompt, batches):
        silent = c.llama_log_callback(lambda level, text, data: None)
        self.keep = silent
        c.llama_log_set(silent, ctypes.c_void_p(0))
        c.llama_backend_init()
        self.model = c.llama_model_load_from_file(path.encode(), c.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"{path} cannot be loaded by llama.cpp")
        self.vocabulary = c.llama_vocab_n_tokens(c.llama_model_get_vocab(self.model))
        largest = max(batches)
        params = c.llama_context_default_params()
        params.n_ctx = max(largest * (PROMPT + STEPS + 8), prompt + 8)
        params.n_batch = max(prompt, PROMPT, largest)
        params.n_ubatch = params.n_batch
        params.n_seq_max = largest
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = True
        params.no_perf = True
        self.context = c.llama_init_from_model(self.model, params)
        self.batch = c.llama_batch_init(params.n_batch, 0, 1)

    def decode(self, tokens, positions, sequences, wanted):
        batch = self.batch
        batch.n_tokens = len(tokens)
        for i, (token, position, sequence, want) in enumerate(zip(tokens, positions, sequences, wanted)):
            batch.token[i], batch.pos[i] = token, position
            batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = 1, sequence, want
        if c.llama_decode(self.context, batch) != 0:
            raise SystemExit("llama_decode failed")

    def clear(self):
        c.llama_memory_clear(c.llama_get_memory(self.context), True)

    def greedy(self, row):
        logits = c.llama_get_logits_ith(self.context, row)
        return int(numpy.ctypeslib.as_array(logits, (self.vocabulary,)).argmax())

    def ids(self, count, sequence):
        return [(i * 7919 + sequence * 104_729 + 1) % self.vocabulary for i in range(count)]

    def take_in(self, tokens, sequence):
        last = len(tokens) - 1
        self.decode(tokens, range(len(tokens)), [sequence] * len(tokens), [i == last for i in range(len(tokens))])
        return self.greedy(last)

    def prefill_rate(self, length):
        self.clear()
        tokens = self.ids(length, 0)
        start = time.perf_counter()
        self.take_in(tokens, 0)
        return length / (time.perf_counter() - start)

    def decode_rate(self, count):
        self.clear()
        tokens = [self.take_in(self.ids(PROMPT, sequence), sequence) for sequence in range(count)]
        start = time.perf_counter()
        for step in range(STEPS):
            self.decode(tokens, [PROMPT + step] * count, range(count), [True] * count)
            tokens = [self.greedy(row) for row in range(count)]
        return count * STEPS / (time.perf_counter() - start)

    def continued(self, prompt):
        self.clear()
        out = [self.take_in(prompt, 0)]
        while len(out) < STEPS:
            self.decode([out[-1]], [len(prompt) + len(out) - 1], [0], [True])
            out.append(self.greedy(0))
        return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--batches", default="1,8,32")
    args = parser.parse_args()
    batches = [int(word) for word in args.batches.split(",")]
    engine = Engine(args.model, args.threads, args.prompt, batches)
    engine.prefill_rate(args.prompt)
    print(json.dumps({"version": c.__version__, "system": c.llama_print_system_info().decode()}), flush=True)
    for line in sys.stdin:
        if line.startswith("tokens "):
            print(json.dumps(engine.continued([int(word) for word in line[7:].split(",")])), flush=True)
            continue
        rates = {"prefill": engine.prefill_rate(args.prompt)}
        rates.update({f"decode {count}": engine.decode_rate(count) for count in batches})
        print(json.dumps(rates), flush=True)


main()
