#!/usr/bin/env bash
# From a fresh clone to an answer: is the PGO build of the inference worker faster than the baseline
# under 100 and 200 concurrent requests? Builds, fetches a small real model, trains, measures and
# compares.
set -euo pipefail
. "$(dirname "$0")/setup.sh"

say "1/4 Building coordinator and worker (minutes the first time)"
cargo build --release --locked -p coordinator -p worker

say "2/4 Fetching the model"
WORKER=target/release/worker scripts/fetch-model.sh

say "3/4 Building the variants baseline and pgo: compile, train, compile with the profile"
target/release/coordinator build --variants baseline,pgo

say "4/4 Measuring until decided (8 minutes at most): bursts of 100 and 200, baseline against pgo in turns, with a control"
exec target/release/coordinator run --preset demo --variants baseline,pgo "$@"
