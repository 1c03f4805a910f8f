#!/bin/sh
# The proofs of the queue, one a word: model, linear, threads, memory, loom, asan, bench, all. See docs/queue-proof.md.
# All are long forms. Needs the Rust toolchain alone.
set -eu
cd "$(dirname "$0")/.."

export WARMPATH_TEST_LONG=1
# Optimized code reorders what it may: that is what has to be right. Without LTO, which takes minutes and changes nothing here.
export CARGO_PROFILE_TEST_OPT_LEVEL=3

run() {
  cargo test -p warmpath-engine "$@"
}

prove() {
  case $1 in
    model) run --lib queue::tests::histories && run --lib queue::tests::aging ;;
    linear) run --lib queue::tests::linear ;;
    threads) run --test queue_threads && run --lib queue::tests::waiting ;;
    memory) run --test queue_memory ;;
    loom) run --features loom --lib queue::tests::loom ;;
    asan)
      # The sanitizer's runtime is in the stable toolchain, its switch is not. A target of its own keeps build scripts out.
      # Short forms: the sanitizer sees every access, so more of the same shows nothing new.
      host=$(rustc -vV | sed -n 's/^host: //p')
      WARMPATH_TEST_LONG=0 RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address \
        cargo test -p warmpath-engine --target "$host" --target-dir target/asan --lib queue
      WARMPATH_TEST_LONG=0 RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address \
        cargo test -p warmpath-engine --target "$host" --target-dir target/asan --test 'queue_*'
      ;;
    bench) CARGO_PROFILE_BENCH_LTO=off cargo bench -p warmpath-engine --bench queue ;;
    all)
      for proof in model linear threads memory loom asan; do
        prove "$proof"
      done
      ;;
    *)
      echo "no proof $1" >&2
      exit 2
      ;;
  esac
}

[ $# -gt 0 ] || set -- all
for proof in "$@"; do
  prove "$proof"
done
