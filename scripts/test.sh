#!/usr/bin/env bash
# Format, lints and all tests. Sets up what they need: a small real model; a Python with scipy and
# hdrhistogram, which recompute this project's results, and grpcio, which speaks its protocol; and a
# browser that opens its pages.
#
#   scripts/test.sh           all of it, as before a change lands
#   scripts/test.sh --quick   format, lints of the crates that changed, unit tests: the inner loop
set -euo pipefail
case "${1:-}" in
  "" | --quick) ;;
  *) echo "error: unknown argument $1: scripts/test.sh takes --quick or nothing" >&2; exit 2 ;;
esac
. "$(dirname "$0")/setup.sh"
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}

say "Format"
cargo fmt --all --check

if [ "${1:-}" = --quick ]; then
  # All differences, committed or not, since this branch left main.
  base=$(git merge-base HEAD main 2>/dev/null || git rev-parse HEAD)
  changed=$({ git diff --name-only "$base"; git ls-files --others --exclude-standard; } | sort -u)
  packages=()
  for pair in coordinator/stats/:stats coordinator/:coordinator worker/inference/:inference worker/:worker \
    proto/:pgo-benchmarks benches/:pgo-benchmarks build.rs:pgo-benchmarks; do
    if grep -q "^${pair%%:*}.*\.\(rs\|proto\|toml\)$" <<<"$changed"; then packages+=(-p "${pair#*:}"); fi
  done
  if [ ${#packages[@]} -gt 0 ]; then
    say "Lints of what changed: ${packages[*]}"
    cargo clippy "${packages[@]}" --all-targets --all-features --locked -- -D warnings
  fi
  say "Unit tests"
  exec cargo test --workspace --lib --bins --all-features --locked
fi

say "Lints"
cargo clippy --workspace --all-targets --all-features --locked -- -D warnings

say "A real model"
cargo build --locked -p worker
if [ -z "${BENCH_MODEL_PATH:-}" ]; then
  WORKER=target/debug/worker scripts/fetch-model.sh
fi

say "Another implementation to compare with"
export BENCH_PYTHON=$PWD/target/python/bin/python
if ! "$BENCH_PYTHON" -c 'import scipy, hdrh, prometheus_client, kubernetes_validate, grpc, grpc_tools' 2>/dev/null; then
  python3 -m venv target/python
  target/python/bin/pip install --quiet --disable-pip-version-check scipy hdrhistogram prometheus_client \
    kubernetes-validate grpcio grpcio-tools
fi

say "A browser"
if ! python3 scripts/check_page.py --probe; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null || true
  else
    echo "only root can install one here: the pages are tested without" >&2
  fi
fi
if python3 scripts/check_page.py --probe >/dev/null 2>&1; then export REQUIRE_BROWSER=1; fi

say "Hosts to test on"
# Network namespaces, each with an sshd and a Slurm node. Tests skip what is missing, and say why.
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  missing=()
  for pair in ip:iproute2 sshd:openssh-server ssh:openssh-client slurmctld:slurmctld slurmd:slurmd sbatch:slurm-client munged:munge; do
    PATH=$PATH:/usr/sbin command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
      >/dev/null || echo "not installable here: ${missing[*]}; their tests are skipped" >&2
  fi
else
  echo "not root on Debian: tests on several hosts are skipped where their programs are missing" >&2
fi

say "Tests"
REQUIRE_MODEL=1 REQUIRE_PYTHON=1 cargo test --workspace --all-features --locked
