#!/usr/bin/env python3
"""Writes the fixture of the number formats: blocks of random codes with finite scales, and the bits of the values to which
llama.cpp's own `gguf` package (pip install gguf) dequantises them.

    quants.py > worker/inference/tests/fixtures/quants.json
"""

import json
import sys

import gguf
import numpy
from gguf import GGMLQuantizationType as Q

BLOCKS = 3
# Offsets of the F16 factors in a block.
FORMATS = {
    Q.Q4_0: [0], Q.Q4_1: [0, 2], Q.Q5_0: [0], Q.Q5_1: [0, 2], Q.Q8_0: [0], Q.Q2_K: [80, 82], Q.Q3_K: [108],
    Q.Q4_K: [0, 2], Q.Q5_K: [0, 2], Q.Q6_K: [208], Q.IQ4_NL: [0], Q.IQ4_XS: [0],
}


def main():
    random, out = numpy.random.default_rng(5), {}
    for kind, factors in FORMATS.items():
        values, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = random.integers(0, 256, (BLOCKS, size), dtype=numpy.uint8)
        for at in factors:
            scales = random.normal(0, 0.05, BLOCKS).astype(numpy.float16)
            blocks[:, at : at + 2] = scales.view(numpy.uint8).reshape(BLOCKS, 2)
        read = gguf.quants.dequantize(blocks, kind).astype("<f4").reshape(-1)
        assert read.size == BLOCKS * values and numpy.isfinite(read).all()
        out[kind.name] = {"id": int(kind), "blocks": blocks.tobytes().hex(), "values": read.tobytes().hex()}
    json.dump(out, sys.stdout, indent=0)
    print()


main()
