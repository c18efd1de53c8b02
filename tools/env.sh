# shellcheck shell=bash
# Sourced after lib.sh: the environment in which worker-build, wrangler and the tests run.

# Nothing here needs Cloudflare's servers, or an account.
export CLOUDFLARE_CF_FETCH_ENABLED=false WRANGLER_SEND_METRICS=false

# npm's Node 22 comes before the machine's own.
export PATH=$ROOT/node_modules/.bin:$PATH

# use_wasm_toolchain: for the compilation to WebAssembly alone; host tests keep the machine's own cargo.
use_wasm_toolchain() {
  local route
  route=$(cat "$TOOLS/route")
  case $route in
    rustup)
      LATCHKEY_CARGO=$(rustup which cargo)
      LATCHKEY_RUSTC=$(rustup which rustc)
      ;;
    debian)
      LATCHKEY_CARGO=/usr/bin/cargo
      LATCHKEY_RUSTC=/usr/bin/rustc
      export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-22
      ;;
  esac
  export LATCHKEY_CARGO LATCHKEY_RUSTC
  unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET RUSTC RUSTC_WRAPPER
  # Its own folder: the same crates compiled under other flags would push the host's out of the cache, and back.
  export CARGO_TARGET_DIR=$ROOT/target/worker-$route
  WASM_BINDGEN_BIN=$TOOLS/wasm-bindgen-cli-$(locked wasm-bindgen)/bin/wasm-bindgen
  export WASM_BINDGEN_BIN WASM_OPT_BIN=$ROOT/node_modules/.bin/wasm-opt ESBUILD_BIN=$ROOT/node_modules/.bin/esbuild
  PATH=$ROOT/tools/wrappers:$TOOLS/worker-build-$(locked worker)/bin:$PATH
}
