#!/usr/bin/env python3
"""Writes the token fixture: texts and their token ids. The ids come from a byte-level BPE that is
written here from its description, with the vocabulary that llama.cpp's own `gguf` package (pip
install gguf) reads from the file. It shares no code with the worker.

    tokens.py MODEL.gguf > worker/inference/tests/fixtures/tokens.json
"""

import json
import sys
import unicodedata

import gguf

PROMPTS = [
    "The capital of France is",
    "Once upon a time, in a village by the sea, there lived",
    "Water boils at a temperature of",
    "def fibonacci(n):\n    \"\"\"Return the n-th Fibonacci number.\"\"\"\n",
    "The three primary colours are",
    "<|im_start|>user\nWhat is gravity?<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>user\nWrite a haiku about autumn leaves.<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>user\nList five fruits.<|im_end|>\n<|im_start|>assistant\n",
    "In 1969, the first humans landed on",
    "2 + 2 = 4, 3 + 3 = 6, 4 + 4 =",
    "Dear Sir or Madam,\n\nI am writing to",
    "Photosynthesis is the process by which",
    "La tour Eiffel se trouve à",
    "{\"name\": \"Alice\", \"age\": 30, \"city\":",
    "She opened the old wooden door and",
    "The difference between a virus and a bacterium is",
    "SELECT name, COUNT(*) FROM orders WHERE",
    "To bake bread you need flour, water, salt and",
    "#include <stdio.h>\n\nint main(void) {\n",
    "Light travels faster than sound because",
]

OTHERS = [
    "",
    " ",
    "   leading and trailing   ",
    "tabs\tand\n\nnewlines \r\n end",
    "In 1987, 3.14159 was 0x1F and 1,000,000",
    "It's we've they'll I'd you're I'm don't DON'T",
    "naïve café Zürich señor Ørsted",
    "中文字符和日本語の文章、한국어 문장",
    "👩‍🚀👨‍👩‍👧‍👦 🇫🇷 e\u0301 ½ ² Ⅷ ٣",
    "Привет, мир! שלום עולם مرحبا بالعالم",
    "a<|im_start|>b<|im_end|><|endoftext|>c <|im_end",
    "<repo_name>x/y<file_sep>main.rs",
    "snake_case camelCase kebab-case !!! ??? ...---===>>>",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u200b zero\u00a0width \ufeff bom \u2028",
    "    if (a && b) {\n        return x[i++] ^ ~y;\n    }\n",
    "Antidisestablishmentarianism floccinaucinihilipilification",
    "\u0000\u0001\u007f control",
    "The quick brown fox jumps over the lazy dog. " * 4,
]

WHITE = set("\t\n\v\f\r \u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(c) for c in range(0x2000, 0x200B)}
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"]


def kind(char):
    if char in WHITE:
        return "space"
    return {"L": "letter", "N": "digit"}.get(unicodedata.category(char)[0], "other")


def run_end(text, at, wanted):
    while at < len(text) and kind(text[at]) == wanted:
        at += 1
    return at


def words(text):
    """GPT-2's pattern, read left to right."""
    at = 0
    while at < len(text):
        short = next((c for c in CONTRACTIONS if text.startswith(c, at)), None)
        if short:
            end = at + len(short)
        else:
            first = at + 1 if text[at] == " " and at + 1 < len(text) else at
            if kind(text[first]) != "space":
                end = run_end(text, first, kind(text[first]))
            else:
                end = run_end(text, at, "space")
                if end < len(text) and end - at > 1:
                    end -= 1  # the last space belongs to the word that follows
        yield text[at:end]
        at = end


def pieces(text):
    """Every digit alone, then words."""
    start = 0
    for at, char in enumerate(text):
        if kind(char) == "digit":
            yield from words(text[start:at])
            yield char
            start = at + 1
    yield from words(text[start:])


def alphabet():
    shown = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table = {byte: chr(byte) for byte in shown}
    hidden = (byte for byte in range(256) if byte not in table)
    table.update({byte: chr(256 + n) for n, byte in enumerate(list(hidden))})
    return table


class Bpe:
    def __init__(self, path):
        fields = gguf.GGUFReader(path).fields
        tokens = fields["tokenizer.ggml.tokens"].contents()
        types = fields["tokenizer.ggml.token_type"].contents()
        merges = fields["tokenizer.ggml.merges"].contents()
        self.ids = {token: i for i, token in enumerate(tokens)}
        self.ranks = {tuple(merge.split(" ")): i for i, merge in enumerate(merges)}
        self.special = sorted((t for t, k in zip(tokens, types) if k == 3), key=len, reverse=True)
        self.bytes = alphabet()

    def encode(self, text):
        ids, start, at = [], 0, 0
        while at < len(text):
            token = next((s for s in self.special if text.startswith(s, at)), None)
            if token is None:
                at += 1
                continue
            ids += self.plain(text[start:at]) + [self.ids[token]]
            at += len(token)
            start = at
        return ids + self.plain(text[start:])

    def plain(self, text):
        return [i for piece in pieces(text) for i in self.merge(piece)]

    def merge(self, piece):
        parts = [self.bytes[byte] for byte in piece.encode()]
        while len(parts) > 1:
            pairs = [self.ranks.get(pair, len(self.ranks)) for pair in zip(parts, parts[1:])]
            best = min(range(len(pairs)), key=pairs.__getitem__)
            if pairs[best] == len(self.ranks):
                break
            parts[best : best + 2] = [parts[best] + parts[best + 1]]
        return [self.ids[part] for part in parts]


def main():
    bpe = Bpe(sys.argv[1])
    rows = [{"text": t, "ids": bpe.encode(t), "prompt": t in PROMPTS} for t in PROMPTS + OTHERS]
    print("[\n" + ",\n".join(json.dumps(row, ensure_ascii=True) for row in rows) + "\n]")


main()
