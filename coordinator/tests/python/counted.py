#!/usr/bin/env python3
"""The session of a program whose work is counted: worker.py beside it speaks, in the name of the program that
starts it (PROGRAM), and a step of its engine lasts as long as that program says (STEP_NS). Test only."""
import json, os

real = json.loads


def loads(text, **how):
    """An engine of ours stands for whatever engine the plan names; steps differ by about one in a hundred."""
    read = real(text, **how)
    if isinstance(read, dict) and read.get("kind") == "native":
        step = int(os.environ["STEP_NS"])
        return {"step_base_ns": step, "decode_ns": 0, "prefill_ns": 0, "max_batch": 64, "scale": 1.0, "jitter": 0.01}
    return read


json.loads = loads
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker.py")
with open(path) as source:
    exec(compile(source.read(), path, "exec"), {"__name__": "__main__", "__file__": os.environ["PROGRAM"]})
