#!/usr/bin/env python3
"""A worker for a program whose work is counted: worker.py beside it speaks, and how long a step of its engine lasts is what
the program that starts it says (STEP_NS). Test only. The program is the build that is measured; it is named in PROGRAM."""
import hashlib, os
from types import SimpleNamespace
import worker
from load import Stream

NOISE = 11


class Counted(worker.Worker):
    def on(self, kind, down):
        if kind == "load":
            step = int(os.environ["STEP_NS"])
            self.engine = SimpleNamespace(step_base_ns=step, decode_ns=0, prefill_ns=0, max_batch=64, scale=1.0)
            down = SimpleNamespace(attempt=down.attempt, engine=SimpleNamespace(sim=self.engine))
        elif kind == "arm":
            # Unlike from trial to trial by about one in two hundred, as programs on a quiet host are.
            luck = Stream(down.assignment.seed, NOISE, down.assignment.arm).normal()
            self.engine.scale = 1.0 + luck / 200.0
        return super().on(kind, down)


if __name__ == "__main__":
    with open(os.environ["PROGRAM"], "rb") as program:
        Counted(hashlib.sha256(program.read()).digest()).run()
