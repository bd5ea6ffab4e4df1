#!/usr/bin/env bash
# Sourced by the other scripts. Installs what they need, and says so: a Rust toolchain with the
# matching llvm-profdata. Does nothing if everything is present.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*" >&2; }

command -v cargo >/dev/null || {
  echo "error: there is no Rust on this machine: install rustup, then run this again" >&2
  exit 2
}
command -v cc >/dev/null || {
  echo "error: there is no C linker on this machine: install gcc (Debian: apt-get install gcc), then run this again" >&2
  exit 2
}
# rust-toolchain.toml names the components, but an older rustup, or one configured not to install,
# must be asked.
if command -v rustup >/dev/null && ! rustup component list --installed 2>/dev/null | grep -q '^llvm-tools'; then
  say "Adding llvm-tools, which reads the compiler's profiles"
  rustup component add llvm-tools || echo "rustup could not add it; Debian's llvm-19 serves as well" >&2
fi
