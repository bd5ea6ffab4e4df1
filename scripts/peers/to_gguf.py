#!/usr/bin/env python3
"""Writes the BF16 weights of a Llama-shaped model directory as a BF16 GGUF, bit for bit (pip install gguf numpy).

    to_gguf.py models/default OUT.gguf [bf16|f16|f32]

F32 holds the same values; F16 rounds values that it cannot hold, and their number is printed. llama.cpp needs the rows of q
and k interleaved for its rotation; everything else is copied unchanged. Norms are widened to F32, which is exact.
"""

import json
import pathlib
import struct
import sys

import gguf
import numpy

NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
TOP = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
       "lm_head.weight": "output.weight"}


def tensors(path):
    """Name, shape and raw bytes of every tensor of a safetensors file."""
    data = numpy.memmap(path, dtype=numpy.uint8, mode="r")
    (length,) = struct.unpack("<Q", data[:8].tobytes())
    for name, entry in json.loads(data[8 : 8 + length].tobytes()).items():
        if name != "__metadata__":
            if entry["dtype"] != "BF16":
                raise SystemExit(f"{name} is {entry['dtype']}, not BF16: only BF16 weights can be compared as stored")
            begin, end = entry["data_offsets"]
            yield name, entry["shape"], data[8 + length + begin : 8 + length + end].view(numpy.uint16)


def target(name):
    if name in TOP:
        return TOP[name]
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{NAMES[rest.removesuffix('.weight')]}.weight"


def interleaved(values, heads):
    rows, columns = values.shape
    return values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def stored(values, form):
    """The bytes and the type of a matrix in the requested format, and the number of its values that were rounded."""
    kind = gguf.GGMLQuantizationType
    if form == "bf16":
        return numpy.ascontiguousarray(values).view(numpy.uint8), kind.BF16, 0
    wide = (numpy.ascontiguousarray(values).astype(numpy.uint32) << 16).view(numpy.float32)
    if form == "f32":
        return wide, kind.F32, 0
    half = wide.astype(numpy.float16)
    return half, kind.F16, int((half.astype(numpy.float32) != wide).sum())


def metadata(writer, config, tokenizer):
    heads = config["num_attention_heads"]
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_dimension_count(config.get("head_dim") or config["hidden_size"] // heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    words = dict(tokenizer["model"]["vocab"])
    special = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    words.update(special)
    tokens = [word for word, _ in sorted(words.items(), key=lambda item: item[1])]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if word in special else 1 for word in tokens])
    merges = tokenizer["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])


def main():
    model, out = pathlib.Path(sys.argv[1]), sys.argv[2]
    form, rounded = sys.argv[3] if len(sys.argv) > 3 else "bf16", 0
    config = json.loads((model / "config.json").read_text())
    writer = gguf.GGUFWriter(out, "llama")
    metadata(writer, config, json.loads((model / "tokenizer.json").read_text()))
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for name, shape, values in tensors(model / "model.safetensors"):
        if len(shape) == 1:
            writer.add_tensor(target(name), (values.astype(numpy.uint32) << 16).view(numpy.float32))
            continue
        values = values.reshape(shape)
        part = name.split(".")[-2]
        if part in heads:
            values = interleaved(values, heads[part])
        raw, kind, lost = stored(values, form)
        rounded += lost
        writer.add_tensor(target(name), raw, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f"{out}: {form}, {rounded} values rounded")


main()
