# Recipes for people and for CI. Each sets up what it needs first.

set positional-arguments
set shell := ["sh", "-euc"]

export NEXTEST_PROFILE := if env("CI", "") == "" { "default" } else { "ci" }

# The first build takes some minutes: cargo may say so.
quiet := if path_exists("target/debug/lab") == "true" { "--quiet" } else { "" }

# Show the recipes.
default:
    @just --list

# Run a lab: `just lab rhel ubuntu`; arguments as in `lab run`.
[no-exit-message]
lab *ARGS: _programs
    @exec cargo run --locked {{ quiet }} --package pathlab --bin lab -- run "$@"

# Run a lab of virtual machines: `just lab-vm rhel ubuntu`; needs libvirt (`just setup libvirt`) and the images.
[no-exit-message]
lab-vm *ARGS:
    @exec cargo run --locked {{ quiet }} --package pathlab --bin lab -- run --provider libvirt "$@"

# Build the Kubernetes programs of `--cluster kubernetes` once (10 minutes) and print their folder.
kube-binaries *DIR:
    @bash harness/setup/kube-binaries.sh "$@"

# Install what Pathlab needs; more GROUPS: kubernetes, browser, setup, libvirt, image, ssh, lint.
setup *GROUPS:
    @sh harness/setup/packages.sh netns build "$@"
    cargo fetch --locked

# Run all tests; arguments as in `cargo nextest run`.
test *ARGS: _programs _nextest
    cargo test --locked --workspace --doc --quiet
    cargo nextest run --locked --workspace "$@"

# Check format, lints, dependencies and their licences, and the workflows.
lint: _programs _deny
    cargo fmt --all --check
    cargo clippy --locked --workspace --all-targets --quiet -- --deny warnings
    cargo deny --log-level error check bans licenses sources
    @sh harness/setup/advisories.sh
    @sh harness/setup/workflows.sh

# Measure the seed run against its floor, and large matrices.
bench *ARGS: _programs
    cargo bench --locked --package pathlab --bench seed_run -- "$@"

# Build the documentation of the code.
doc:
    RUSTDOCFLAGS='--deny warnings' cargo doc --locked --workspace --no-deps

# All that CI checks.
ci: lint doc test

_programs:
    @sh harness/setup/packages.sh --quick netns build

_nextest:
    @cargo nextest --version >/dev/null 2>&1 || cargo install --locked cargo-nextest

_deny:
    @cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
