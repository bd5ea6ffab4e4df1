#!/usr/bin/env bash
# Provokes reasons to doubt a measurement, each with real processes and the simulated engine, and
# checks that the run reports the reason with the documented exit code. docs/validity.md has the
# whole list.
#
#   scripts/provoke.sh             # every reason that needs neither root nor a second machine
#   scripts/provoke.sh lateness    # one
#
# The programs are those of target/release, or of the directory in BENCH_PROGRAMS.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
programs=$(realpath "${BENCH_PROGRAMS:-target/release}")
[ -x "$programs/coordinator" ] && [ -x "$programs/worker" ] || {
  echo "error: there are no programs in $programs: cargo build --release" >&2
  exit 2
}
ground=$(mktemp -d)
burners=()
trap 'for pid in "${burners[@]}"; do kill "$pid" 2>/dev/null || true; done; rm -rf "$ground"' EXIT

# All limits are wide open, so that only the provoked reason can be reported; each case tightens the
# limit that it tests.
open='max_lateness = 60.0, max_start_skew = 60.0, max_generator_share = 1.0, max_steal = 1.0, warn_steal = 1.0
warn_others = 1.0, min_duration = 0.0, max_movement = 10.0, max_little_error = 10.0, max_error_rate = 1.0
max_error_difference = 1.0'

# plan LIMITS SIM SHAPE
plan() {
  {
    # No second arm A: it would raise doubt in one run of twenty by chance, and more often on a
    # machine that is disturbed on purpose.
    printf 'name = "provoked"\nrounds = 2\nslots = %s\nengine = "sim"\ncontrol = false\n[validity]\n' "${slots:-1}"
    # For equal keys, the later one wins: it is the case's own.
    printf '%s\n%s\n' "${open//, /$'\n'}" "$1" | awk -F' *= *' 'NF > 1 { v[$1] = $2 } END { for (k in v) print k " = " v[k] }'
    printf '[timeouts]\nstart = 20\nstop = 2\nlease = 10\n[sim.all]\nload_ns = 1000\nstep_base_ns = 200000\n%s\n' "$2"
    printf '[[scenario]]\nname = "load"\nshape = %s\nprompt = { tokens = 4 }\n' "$3"
    printf 'output_tokens = %s\nwarmup = { requests = 2, output_tokens = 1 }\n' "${tokens:-2}"
    printf '%s\n' "${more:-}"
  } >"$ground/plan.toml"
}

failed=0
# expect REASON CODE [ARGUMENTS…]: runs the plan and checks both.
expect() {
  local reason=$1 wanted=$2 code=0
  shift 2
  "$programs/coordinator" --store "$ground/store" run "$ground/plan.toml" --seed 1 --output json "$@" \
    >"$ground/out.json" 2>"$ground/err" || code=$?
  verdict "$reason" "$wanted" "$code"
}

verdict() {
  local reason=$1 wanted=$2 code=$3 said=no
  grep -q "\"code\": *\"$reason\"" "$ground/out.json" && said=yes
  if [ "$said $code" = "yes $wanted" ]; then
    printf 'ok      %-20s exit code %s\n' "$reason" "$code"
  else
    printf 'FAILED  %-20s said: %s, exit code %s, wanted %s\n' "$reason" "$said" "$code" "$wanted"
    tail -n 3 "$ground/err"
    failed=1
  fi
}

burst='{ kind = "burst", requests = 200 }'
loop='{ kind = "closed-loop", concurrency = 8, requests = 1200 }'
open_loop='{ kind = "poisson", rate = 1000.0 }'

burn() {
  for _ in $(seq "$(nproc)"); do
    (while :; do :; done) &
    burners+=($!)
  done
}

# The first child of a process.
child() {
  cat "/proc/$1/task/"*/children 2>/dev/null | awk 'NF && !found { print $1; found = 1 }'
}

# Kills the worker by its process ID, which is found below the coordinator that this script started.
kill_worker() {
  local reason=$1 wanted=$2 code=0 coordinator agent worker=''
  shift 2
  "$programs/coordinator" --store "$ground/store" run "$ground/plan.toml" --seed 1 --output json "$@" \
    >"$ground/out.json" 2>"$ground/err" &
  coordinator=$!
  for _ in $(seq 2000); do
    # A thread may end between the listing and the reading; the next turn looks again.
    agent=$(child "$coordinator") || true
    worker=$(child "${agent:-none}") || true
    # In the middle of the worker's window. On a busy machine that worker may have ended by then;
    # the next one will do.
    if [ -n "$worker" ] && grep -qs '^engine$' "/proc/$worker/task/"*/comm; then
      sleep 0.1
      kill -9 "$worker" 2>/dev/null && break
    fi
    sleep 0.005
  done
  wait "$coordinator" || code=$?
  verdict "$reason" "$wanted" "$code"
}

provoke() {
  case $1 in
    simulated) plan '' '' "$burst" && expect simulated 0 ;;
    some-failed)
      # Few enough requests that some slot answers all of them, so that the builds can be compared
      # by tokens.
      slots=4 plan '' 'error_rate = 0.01' "$burst" && expect some-failed 0 ;;
    failed-share) plan 'max_error_rate = 0.01' 'error_rate = 0.05' "$burst" && expect failed-share 4 ;;
    nothing-succeeded) plan '' 'error_rate = 1.0' "$burst" && expect nothing-succeeded 4 ;;
    failures-differ)
      plan 'max_error_difference = 0.005' '[sim.pgo]
error_rate = 0.05' "$burst" && expect failures-differ 4 ;;
    tokens-unchecked) plan '' 'error_rate = 0.2' "$burst" && expect tokens-unchecked 3 ;;
    # A limit that no driver meets, because the lateness of a loaded driver depends on the machine.
    lateness) plan $'max_lateness = 0.000001\nmax_lateness_share = 0.0' '' "$loop" && expect lateness 4 ;;
    # The same with real lateness: twice as many busy loops as processors, and the plan's default
    # limit.
    lateness-burnt)
      burn
      burn
      more='stop = { duration = 5.0 }' plan $'max_lateness = 0.00025\nmax_lateness_share = 0.01' '' "$open_loop" && expect lateness 4
      for pid in "${burners[@]}"; do kill "$pid"; done
      burners=() ;;
    # One request in flight at a time is slower than the offered rate, so most requests are sent
    # after the window.
    not-achieved)
      more=$'stop = { duration = 2.0 }\nmax_in_flight = 1' plan '' '' '{ kind = "constant", rate = 4000.0 }' &&
        expect not-achieved 4 ;;
    over-saturated)
      more='stop = { duration = 4.0 }' plan 'max_movement = 0.05' 'max_batch = 4' '{ kind = "poisson", rate = 8000.0 }' &&
        expect over-saturated 3 ;;
    stopped-early)
      more='stop = { duration = 5.0, max_error_rate = 0.1 }' plan '' 'error_rate = 0.5' "$open_loop" &&
        expect stopped-early 4 ;;
    others-busy)
      burn
      plan 'warn_others = 0.05' '' "$loop" && expect others-busy 0
      for pid in "${burners[@]}"; do kill "$pid"; done
      burners=() ;;
    start-skew)
      slots=2 plan $'max_start_skew = 0.0\nmax_lateness_share = 0.0' '' "$burst" && expect start-skew 4 ;;
    clock-uncertainty)
      slots=2 plan $'max_start_skew = 0.0\nmax_lateness_share = 0.0' '' "$burst" && expect clock-uncertainty 4 ;;
    generator-busy) plan 'max_generator_share = 0.0001' '' "$loop" && expect generator-busy 3 ;;
    near-generator-limit)
      plan 'max_floor_share = 0.0000001' '' "$loop" && expect near-generator-limit 3 ;;
    near-floor)
      echo "near-floor is called near-generator-limit now: use that name" >&2
      provoke near-generator-limit ;;
    too-short) plan 'min_duration = 5.0' '' "$loop" && expect too-short 3 ;;
    not-stationary)
      # In the second half of the window, the engine stalls half of the time.
      stalls=$(for at in $(seq 40 4 1200); do printf '{ at_ns = %s000000, for_ns = 2000000 }, ' "$at"; done)
      plan 'max_movement = 0.05' "stalls = [$stalls]" "$loop" && expect not-stationary 3 ;;
    workers-lost)
      tokens=4000 plan '' '' '{ kind = "burst", requests = 4 }' && kill_worker workers-lost 4 --on-loss fail ;;
    blocks-repeated)
      tokens=4000 plan '' '' '{ kind = "burst", requests = 4 }' && kill_worker blocks-repeated 0 ;;
    load-shrunk)
      tokens=4000 plan '' '' '{ kind = "burst", requests = 4 }' && kill_worker load-shrunk 0 --on-loss shrink --slots 2 ;;
    *)
      echo "error: nothing here provokes $1: docs/validity.md says what does" >&2
      exit 2 ;;
  esac
}

all=(simulated some-failed failed-share nothing-succeeded failures-differ tokens-unchecked lateness others-busy
  lateness-burnt start-skew clock-uncertainty generator-busy near-generator-limit too-short not-stationary not-achieved
  over-saturated stopped-early workers-lost blocks-repeated load-shrunk)
[ $# -gt 0 ] || set -- "${all[@]}"
for reason in "$@"; do provoke "$reason"; done
exit "$failed"
