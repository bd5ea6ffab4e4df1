#!/usr/bin/env python3
"""llama.cpp through its C API (pip install llama-cpp-python), measured as `worker bench` measures: one prompt, and
batches of sequences that only decode, after prompts of 128 tokens, 32 steps at a time.

    llama.py MODEL.gguf [--threads 2] [--prompt 512] [--batches 1,8,32] [--kv f16] [--flash on] [--wait brief]

Loads the model once. For every line on standard input it measures everything once and answers with one line of JSON:
tokens per second by figure. It answers a line `tokens ID,ID,...` with the most likely token after each of these.
Every batch size has its own context of the right size. `docs/peers.md` says what each setting changes.
"""

import argparse
import ctypes
import json
import os
import sys
import time


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--batches", default="1,8,32")
    parser.add_argument("--kv", choices=["f16", "bf16", "f32"], default="f16", help="how keys and values are kept")
    parser.add_argument("--flash", choices=["auto", "on", "off"], default="auto", help="attention in one operation")
    parser.add_argument("--wait", choices=["active", "brief", "passive"], default="brief", help="how threads wait")
    parser.add_argument("--unified", action="store_true", help="one cache for all sequences instead of one each")
    parser.add_argument("--ubatch", type=int, default=512, help="tokens of one pass at most")
    return parser.parse_args()


ARGS = options()
# The OpenMP runtime reads these when it is loaded. `brief` is its own default: spin for some
# milliseconds, then sleep.
if ARGS.wait != "brief":
    os.environ["OMP_WAIT_POLICY"] = ARGS.wait
os.environ["OMP_NUM_THREADS"] = str(ARGS.threads)

import llama_cpp as c
import numpy

PROMPT, STEPS = 128, 32
KEPT = {"f32": 0, "f16": 1, "bf16": 30}
FLASH = {"auto": -1, "off": 0, "on": 1}


def context(model, args, sequences, length):
    """A context for this number of sequences with this number of tokens each."""
    params = c.llama_context_default_params()
    params.n_ctx = sequences * -(-length // 256) * 256
    params.n_batch = max(args.prompt, PROMPT, sequences)
    params.n_ubatch = min(args.ubatch, params.n_batch)
    params.n_seq_max = sequences
    params.n_threads = params.n_threads_batch = args.threads
    params.type_k = params.type_v = KEPT[args.kv]
    params.flash_attn_type = FLASH[args.flash]
    params.kv_unified = args.unified
    params.no_perf = True
    made = c.llama_init_from_model(model, params)
    if not made:
        raise SystemExit("llama.cpp refuses these settings")
    return made


class Engine:
    def __init__(self, args, batches):
        silent = c.llama_log_callback(lambda level, text, data: None)
        self.keep = silent
        c.llama_log_set(silent, ctypes.c_void_p(0))
        c.llama_backend_init()
        self.model = c.llama_model_load_from_file(args.model.encode(), c.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"{args.model} cannot be loaded by llama.cpp")
        self.vocabulary = c.llama_vocab_n_tokens(c.llama_model_get_vocab(self.model))
        self.alone = context(self.model, args, 1, args.prompt + STEPS + 8)
        self.contexts = {count: context(self.model, args, count, PROMPT + STEPS + 8) for count in batches}
        self.batch = c.llama_batch_init(max(args.prompt, PROMPT, *batches), 0, 1)

    def use(self, chosen):
        self.context = chosen
        c.llama_memory_clear(c.llama_get_memory(chosen), True)

    def decode(self, tokens, positions, sequences, wanted):
        batch = self.batch
        batch.n_tokens = len(tokens)
        for i, (token, position, sequence, want) in enumerate(zip(tokens, positions, sequences, wanted)):
            batch.token[i], batch.pos[i] = token, position
            batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = 1, sequence, want
        if c.llama_decode(self.context, batch) != 0:
            raise SystemExit("llama_decode failed")

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
        self.use(self.alone)
        tokens = self.ids(length, 0)
        start = time.perf_counter()
        self.take_in(tokens, 0)
        return length / (time.perf_counter() - start)

    def decode_rate(self, count):
        self.use(self.contexts[count])
        tokens = [self.take_in(self.ids(PROMPT, sequence), sequence) for sequence in range(count)]
        start = time.perf_counter()
        for step in range(STEPS):
            self.decode(tokens, [PROMPT + step] * count, range(count), [True] * count)
            tokens = [self.greedy(row) for row in range(count)]
        return count * STEPS / (time.perf_counter() - start)

    def best(self, tokens):
        """The most likely next token after each of these."""
        self.use(self.alone)
        self.decode(tokens, range(len(tokens)), [0] * len(tokens), [True] * len(tokens))
        return [self.greedy(row) for row in range(len(tokens))]


def main():
    batches = [int(word) for word in ARGS.batches.split(",") if word]
    engine = Engine(ARGS, batches)
    engine.prefill_rate(ARGS.prompt)
    about = {"version": c.__version__, "system": c.llama_print_system_info().decode(), "settings": vars(ARGS)}
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        if line.startswith("tokens "):
            print(json.dumps(engine.best([int(word) for word in line[7:].split(",")])), flush=True)
            continue
        rates = {"prefill": engine.prefill_rate(ARGS.prompt)}
        rates.update({f"decode {count}": engine.decode_rate(count) for count in batches})
        print(json.dumps(rates), flush=True)


main()
