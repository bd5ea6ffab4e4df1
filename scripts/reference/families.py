#!/usr/bin/env python3
"""Writes the fixture of the model families: for each, a tiny model, described by its config.json and a seed, and the logits
of a text, computed here in float64 from the description of the architecture (pip install numpy). It shares no code with
the worker; both sides derive the weights from the seed.

    families.py > worker/inference/tests/fixtures/families.json
"""

import json
import math
import sys

import numpy as np

VOCAB, HIDDEN, INNER, HEADS, KV, LAYERS, CONTEXT = 96, 48, 80, 4, 2, 4, 64
TOKENS = 40
MASK = (1 << 64) - 1


class Random:
    """A multiplicative congruential generator with a mixed output, 24 bits per draw."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        mixed = self.state ^ (self.state >> 33)
        mixed = mixed * 0xFF51AFD7ED558CCD & MASK
        return mixed ^ (mixed >> 29)

    def unit(self):
        return np.float32(self.next() >> 40) / np.float32(1 << 23) - np.float32(1)


def weights(tensors, seed):
    random, out = Random(seed), {}
    for name, shape in tensors:
        values = np.array([random.unit() for _ in range(math.prod(shape))], np.float32).reshape(shape)
        if len(shape) == 2:
            values = np.float32(1.7 / math.sqrt(shape[1])) * values
        elif name.endswith("bias"):
            values = np.float32(0.5) * values
        elif name.startswith("model.norm") or "norm" in name:
            values = np.float32(1) + np.float32(0.25) * values
        out[name] = values.astype(np.float32)
    return out


def tensors(c):
    head, kind = c["head_dim"], c["model_type"]
    q, k = HEADS * head, KV * head
    gemma = kind.startswith("gemma")
    qkv = c.get("attention_bias", False) or kind == "qwen2"
    out = c.get("attention_bias", False)
    feed = c.get("mlp_bias", False)
    yield "model.embed_tokens.weight", [VOCAB, HIDDEN]
    for layer in range(LAYERS):
        p = f"model.layers.{layer}."
        yield p + "input_layernorm.weight", [HIDDEN]
        if kind == "phi3":
            yield p + "self_attn.qkv_proj.weight", [q + 2 * k, HIDDEN]
        else:
            for name, rows in ("q", q), ("k", k), ("v", k):
                yield p + f"self_attn.{name}_proj.weight", [rows, HIDDEN]
                if qkv:
                    yield p + f"self_attn.{name}_proj.bias", [rows]
        if kind in ("qwen3", "gemma3_text"):
            yield p + "self_attn.q_norm.weight", [head]
            yield p + "self_attn.k_norm.weight", [head]
        yield p + "self_attn.o_proj.weight", [HIDDEN, q]
        if out:
            yield p + "self_attn.o_proj.bias", [HIDDEN]
        yield p + "post_attention_layernorm.weight", [HIDDEN]
        if kind in ("gemma2", "gemma3_text"):
            yield p + "pre_feedforward_layernorm.weight", [HIDDEN]
            yield p + "post_feedforward_layernorm.weight", [HIDDEN]
        if kind == "phi3":
            yield p + "mlp.gate_up_proj.weight", [2 * INNER, HIDDEN]
        else:
            for name in "gate", "up":
                yield p + f"mlp.{name}_proj.weight", [INNER, HIDDEN]
                if feed:
                    yield p + f"mlp.{name}_proj.bias", [INNER]
        yield p + "mlp.down_proj.weight", [HIDDEN, INNER]
        if feed:
            yield p + "mlp.down_proj.bias", [HIDDEN]
    yield "model.norm.weight", [HIDDEN]
    if not c["tie_word_embeddings"]:
        yield "lm_head.weight", [VOCAB, HIDDEN]


def frequencies(c, theta, scaling):
    width = int(c["head_dim"] * c.get("partial_rotary_factor", 1.0))
    i = np.arange(0, width, 2, dtype=np.float64)
    plain = theta ** (-i / width)
    kind = (scaling or {}).get("rope_type", "default")
    if kind in ("default", "dynamic"):
        return plain, 1.0
    factor = scaling["factor"]
    if kind == "linear":
        return plain / factor, 1.0
    original = scaling["original_max_position_embeddings"]
    if kind == "llama3":
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        turns = original * plain / (2 * math.pi)
        blend = np.clip((turns - low) / (high - low), 0, 1)
        return blend * plain + (1 - blend) * plain / factor, 1.0
    if kind == "yarn":
        at = lambda turns: width * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))
        first, last = max(math.floor(at(32)), 0), min(math.ceil(at(1)), width - 1)
        divided = np.clip((np.arange(width // 2) - first) / max(last - first, 0.001), 0, 1)
        return plain * (1 - divided) + plain / factor * divided, 0.1 * math.log(factor) + 1
    raise ValueError(kind)


def logits(c, w, ids):
    kind, head, n = c["model_type"], c["head_dim"], len(ids)
    gemma, eps = kind.startswith("gemma"), c["rms_norm_eps"]
    get = lambda name: w[name].astype(np.float64)
    offset = 1.0 if gemma else 0.0
    rms = lambda x, name: x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * (offset + get(name))

    def linear(x, name):
        y = x @ get(name + ".weight").T
        return y + get(name + ".bias") if name + ".bias" in w else y

    def rotated(x, freqs, factor):
        angle = np.arange(n)[:, None, None] * freqs
        cos, sin = factor * np.cos(angle), factor * np.sin(angle)
        half = len(freqs)
        a, b, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin, rest], -1)

    def act(x):
        if gemma:
            return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        return x / (1 + np.exp(-x))

    scale = 1 / math.sqrt(c.get("query_pre_attn_scalar", head))
    scale = c.get("attention_multiplier", scale) if kind == "granite" else scale
    residual = c.get("residual_multiplier", 1.0)
    x = get("model.embed_tokens.weight")[ids] * c.get("embedding_multiplier", 1.0)
    if gemma:
        x = x * math.sqrt(HIDDEN)
    full = frequencies(c, c["rope_theta"], c.get("rope_scaling"))
    local = frequencies(c, c["rope_local_base_freq"], None) if kind == "gemma3_text" else full
    place = np.arange(n)
    for layer in range(LAYERS):
        p = f"model.layers.{layer}."
        window = None
        if kind in ("mistral", "phi3"):
            window = c.get("sliding_window")
        elif kind in ("qwen2", "qwen3") and c.get("use_sliding_window") and layer >= c["max_window_layers"]:
            window = c["sliding_window"]
        elif kind == "gemma2" and layer % 2 == 0 or kind == "gemma3_text" and (layer + 1) % c["sliding_window_pattern"]:
            window = c["sliding_window"]
        h = rms(x, p + "input_layernorm.weight")
        if kind == "phi3":
            q, k, v = np.split(linear(h, p + "self_attn.qkv_proj"), [HEADS * head, (HEADS + KV) * head], -1)
        else:
            q, k, v = (linear(h, p + f"self_attn.{name}_proj") for name in "qkv")
        q, k, v = q.reshape(n, HEADS, head), k.reshape(n, KV, head), v.reshape(n, KV, head)
        if kind in ("qwen3", "gemma3_text"):
            q, k = rms(q, p + "self_attn.q_norm.weight"), rms(k, p + "self_attn.k_norm.weight")
        nope = kind == "smollm3" and (layer + 1) % c["no_rope_layer_interval"] == 0
        if not nope:
            q, k = (rotated(y, *(local if window and kind == "gemma3_text" else full)) for y in (q, k))
        k, v = (np.repeat(y, HEADS // KV, 1) for y in (k, v))
        scores = np.einsum("ihd,jhd->hij", q, k) * scale
        if c.get("attn_logit_softcapping"):
            cap = c["attn_logit_softcapping"]
            scores = cap * np.tanh(scores / cap)
        hidden = place[None, :] > place[:, None]
        if window:
            hidden |= place[None, :] <= place[:, None] - window
        scores = np.where(hidden, -np.inf, scores)
        share = np.exp(scores - scores.max(-1, keepdims=True))
        share /= share.sum(-1, keepdims=True)
        mixed = linear(np.einsum("hij,jhd->ihd", share, v).reshape(n, -1), p + "self_attn.o_proj")
        if kind in ("gemma2", "gemma3_text"):
            x = x + rms(mixed, p + "post_attention_layernorm.weight")
            h = rms(x, p + "pre_feedforward_layernorm.weight")
        else:
            x = x + residual * mixed
            h = rms(x, p + "post_attention_layernorm.weight")
        if kind == "phi3":
            gate, up = np.split(linear(h, p + "mlp.gate_up_proj"), 2, -1)
        else:
            gate, up = linear(h, p + "mlp.gate_proj"), linear(h, p + "mlp.up_proj")
        fed = linear(act(gate) * up, p + "mlp.down_proj")
        if kind in ("gemma2", "gemma3_text"):
            fed = rms(fed, p + "post_feedforward_layernorm.weight")
        x = x + residual * fed
    end = "model.embed_tokens.weight" if c["tie_word_embeddings"] else "lm_head.weight"
    out = rms(x, "model.norm.weight") @ get(end).T / c.get("logits_scaling", 1.0)
    if c.get("final_logit_softcapping"):
        out = c["final_logit_softcapping"] * np.tanh(out / c["final_logit_softcapping"])
    return out


def config(kind, architecture, **more):
    base = {
        "architectures": [architecture], "model_type": kind, "vocab_size": VOCAB, "hidden_size": HIDDEN,
        "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": KV, "head_dim": 12, "max_position_embeddings": CONTEXT, "rope_theta": 10000.0,
        "rms_norm_eps": 1e-5, "tie_word_embeddings": False,
    }
    return {**base, **more}


def scaled(kind, **more):
    return {"rope_type": kind, "factor": 4.0, **more}


GELU = {"hidden_activation": "gelu_pytorch_tanh"}
CASES = {
    "llama": config("llama", "LlamaForCausalLM"),
    "llama, biases": config("llama", "LlamaForCausalLM", attention_bias=True, mlp_bias=True),
    "llama, linear": config("llama", "LlamaForCausalLM", rope_scaling=scaled("linear")),
    "llama, dynamic": config("llama", "LlamaForCausalLM", rope_scaling=scaled("dynamic")),
    "llama, llama3": config("llama", "LlamaForCausalLM", rope_scaling=scaled(
        "llama3", low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)),
    "llama, yarn": config("llama", "LlamaForCausalLM", rope_scaling=scaled("yarn", original_max_position_embeddings=400)),
    "llama, heads of 4": config("llama", "LlamaForCausalLM", head_dim=4),
    "llama, heads of 20": config("llama", "LlamaForCausalLM", head_dim=20),
    "llama, heads of 50": config("llama", "LlamaForCausalLM", head_dim=50),
    "mistral": config("mistral", "MistralForCausalLM", sliding_window=None),
    "mistral, window": config("mistral", "MistralForCausalLM", sliding_window=7, head_dim=16),
    "qwen2": config("qwen2", "Qwen2ForCausalLM", tie_word_embeddings=True),
    "qwen2, window": config("qwen2", "Qwen2ForCausalLM", use_sliding_window=True, sliding_window=9, max_window_layers=2),
    "qwen3": config("qwen3", "Qwen3ForCausalLM", head_dim=16),
    "smollm3": config("smollm3", "SmolLM3ForCausalLM", no_rope_layer_interval=2),
    "phi3": config("phi3", "Phi3ForCausalLM", sliding_window=11),
    "phi3, part of heads": config("phi3", "Phi3ForCausalLM", head_dim=16, partial_rotary_factor=0.75),
    "granite": config("granite", "GraniteForCausalLM", embedding_multiplier=12.0, attention_multiplier=0.25,
                      residual_multiplier=0.22, logits_scaling=8.0, attention_bias=True),
    "gemma": config("gemma", "GemmaForCausalLM", tie_word_embeddings=True, hidden_act="gelu_pytorch_tanh"),
    "gemma2": config("gemma2", "Gemma2ForCausalLM", tie_word_embeddings=True, sliding_window=6, query_pre_attn_scalar=24,
                     attn_logit_softcapping=5.0, final_logit_softcapping=3.0, **GELU),
    "gemma3": config("gemma3_text", "Gemma3ForCausalLM", tie_word_embeddings=True, sliding_window=6,
                     query_pre_attn_scalar=16, rope_local_base_freq=1000.0, sliding_window_pattern=2, head_dim=16,
                     rope_scaling=scaled("linear"), **GELU),
}


def main():
    out = {}
    for seed, (name, c) in enumerate(CASES.items(), 1):
        list_of = list(tensors(c))
        random = Random(1000 + seed)
        ids = [random.next() % VOCAB for _ in range(TOKENS)]
        rows = logits(c, weights(list_of, seed), np.array(ids))
        shown = [0, 1, 6, 17, TOKENS - 1]
        out[name] = {
            "config": {key: value for key, value in c.items() if value is not None},
            "tensors": list_of, "seed": seed, "tokens": ids,
            "logits": {str(at): [round(float(v), 9) for v in rows[at]] for at in shown},
            "greedy": [int(row.argmax()) for row in rows],
        }
    json.dump(out, sys.stdout, separators=(",", ":"))
    print()


main()
