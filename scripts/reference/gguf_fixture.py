#!/usr/bin/env python3
"""Writes a small GGUF with llama.cpp's own `gguf` package (pip install gguf), with each
tensor format, and the values that an importer must find in it: the files `small.gguf` and `small.json`.

    gguf_fixture.py worker/inference/tests/fixtures
"""

import json
import pathlib
import sys

import gguf
import numpy
from gguf import GGMLQuantizationType as Q

HIDDEN, HEADS, KV, HEAD, INNER = 64, 2, 1, 32, 64
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["t h", "th e", "\u0120 the"]


def alphabet():
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return [chr(byte) if byte in shown else chr(256 + hidden.index(byte)) for byte in range(256)]


def tensors(rng, rows):
    """GGUF name, Hugging Face name, values in Hugging Face order, format, heads if interleaved."""
    draw = lambda *shape: rng.standard_normal(shape, dtype=numpy.float32)
    layer = "model.layers.0."
    return [
        ("token_embd", "model.embed_tokens", draw(rows, HIDDEN), Q.Q8_0, 0),
        ("output_norm", "model.norm", draw(HIDDEN), Q.F32, 0),
        ("blk.0.attn_norm", layer + "input_layernorm", draw(HIDDEN), Q.F32, 0),
        ("blk.0.attn_q", layer + "self_attn.q_proj", draw(HEADS * HEAD, HIDDEN), Q.Q4_0, HEADS),
        ("blk.0.attn_k", layer + "self_attn.k_proj", draw(KV * HEAD, HIDDEN), Q.Q4_1, KV),
        ("blk.0.attn_v", layer + "self_attn.v_proj", draw(KV * HEAD, HIDDEN), Q.F16, 0),
        ("blk.0.attn_output", layer + "self_attn.o_proj", draw(HIDDEN, HEADS * HEAD), Q.BF16, 0),
        ("blk.0.ffn_norm", layer + "post_attention_layernorm", draw(HIDDEN), Q.F32, 0),
        ("blk.0.ffn_gate", layer + "mlp.gate_proj", draw(INNER, HIDDEN), Q.Q8_0, 0),
        ("blk.0.ffn_up", layer + "mlp.up_proj", draw(INNER, HIDDEN), Q.F32, 0),
        ("blk.0.ffn_down", layer + "mlp.down_proj", draw(HIDDEN, INNER), Q.Q4_1, 0),
    ]


def interleave(values, heads):
    """The order llama.cpp's converter gives the rows of q and k."""
    rows, columns = values.shape
    return values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def metadata(writer, tokens):
    writer.add_name("small")
    writer.add_license("mit")
    writer.add_block_count(1)
    writer.add_context_length(128)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(HEAD)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * len(SPECIAL) + [1] * (len(tokens) - len(SPECIAL)))
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{{ messages }}")


def main():
    out = pathlib.Path(sys.argv[1])
    rng = numpy.random.default_rng(1)
    tokens = SPECIAL + alphabet() + [merge.replace(" ", "") for merge in MERGES]
    writer = gguf.GGUFWriter(out / "small.gguf", "llama")
    metadata(writer, tokens)
    expected = {}
    for name, target, values, kind, heads in tensors(rng, len(tokens)):
        # Quantisation works along rows, so it commutes with a permutation of rows.
        read = gguf.quants.dequantize(gguf.quants.quantize(values, kind), kind)
        places = rng.choice(read.size, 8, replace=False)
        expected[target + ".weight"] = {
            "shape": list(read.shape),
            "values": {int(at): float(read.reshape(-1)[at]) for at in places},
            "sum": float(read.astype(numpy.float64).sum()),
        }
        stored = interleave(values, heads) if heads else values
        writer.add_tensor(name + ".weight", gguf.quants.quantize(stored, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (out / "small.json").write_text(json.dumps(expected, indent=1) + "\n")


main()
