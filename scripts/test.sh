#!/usr/bin/env bash
# Everything that must hold: format, lints, all tests, the seed's commands. Sets up what it needs.
set -euo pipefail
. "$(dirname "$0")/setup.sh"
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}

say "Format"
cargo fmt --all --check

say "Lints"
cargo clippy --workspace --all-targets --all-features --locked -- -D warnings

say "A real model"
if [ ! -f models/default/model.safetensors ] && [ -z "${BENCH_MODEL_PATH:-}" ]; then
  cargo build --locked -p worker
  WORKER=target/debug/worker scripts/fetch-model.sh
fi

say "Tests"
REQUIRE_MODEL=1 cargo test --workspace --all-features --locked
