# What people and the checks run. Everything real is in cargo and in scripts/.
.NOTPARALLEL:
.PHONY: help demo test test-full check bench clean

# Where rustup puts cargo, for shells that have not read its settings yet; and the tools of `make check`.
PATH := $(CURDIR)/target/tools/bin:$(PATH):$(HOME)/.cargo/bin
export PATH

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: ## build four real packages as .deb and .rpm, publish them, install them from there in clean chroots
	@scripts/setup base rpm
	cargo build --release --bin opb
	@scripts/demo

test: ## the suite
	@scripts/setup test
	cargo test

test-full: ## the suite with what is slow
	@scripts/setup test
	OPB_TEST_FULL=1 cargo test

check: ## formatting, lints, docs, licences, spelling, unused dependencies
	@scripts/setup check
	@scripts/check-tools
	cargo fmt --check
	typos
	cargo machete
	cargo deny check bans licenses sources
	cargo clippy --all-targets -- -D warnings
	cp Cargo.lock fuzz/Cargo.lock
	cargo check --quiet --manifest-path fuzz/Cargo.toml --target-dir target
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --document-private-items

bench: ## compare with what people run instead; ONLY=prefix picks some
	@scripts/setup bench
	cargo build --release --bin opb --example vendor --example realise --example apt --example yum --example sign --example debian
	@scripts/bench "$(ONLY)"

clean: ## remove what was compiled; the store stays
	cargo clean
