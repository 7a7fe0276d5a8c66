# Everything that is done to this project by hand or in CI. `make` alone lists it.

CARGO ?= cargo
LANGUAGE ?= en
DEMO_SECONDS ?= 0
FUZZ_SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: help demo build test lint bench fuzz clean

help: ## List what there is
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: ## Watch it at work: a real supervisord, failing programs, a DingTalk (LANGUAGE=zh, DEMO_SECONDS=60)
	@tests/setup supervisor-4.3.0
	$(CARGO) build --release --locked
	@python3 deploy/demo/demo.py --language $(LANGUAGE) --seconds $(DEMO_SECONDS)

build: ## Build target/release/supervigil
	$(CARGO) build --release --locked

# cargo test rather than nextest: it comes with Rust, and the tests' weight is in processes of
# their own anyway.
test: ## Run every test, against real supervisords
	@tests/setup supervisor-4.2.5 supervisor-4.3.0 prometheus-client debian
	$(CARGO) test --locked --no-fail-fast

lint: ## Formatting, clippy, documentation, licences
	@tests/setup cargo-deny
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items
	PATH="$(CURDIR)/.tools/bin:$$PATH" cargo-deny --locked check licenses bans sources

bench: build ## Measure what it weighs, how soon it knows, and what it costs supervisord
	@tests/setup supervisor-4.3.0 debian
	python3 tests/bench/latency.py
	python3 tests/bench/queued.py
	python3 tests/bench/weight.py
	python3 tests/bench/detection.py
	$(CARGO) bench --locked --bench parse --bench metrics --bench redact --bench store

# The coverage that libFuzzer needs is a pass of LLVM's that stable Rust can be asked for; --target
# keeps it out of build scripts. New inputs stay below target/.
fuzz: ## Feed the main log's parser with rubbish (FUZZ_SECONDS=60)
	@mkdir -p target/fuzz/corpus
	RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
		-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
		-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares" \
	CARGO_TARGET_DIR=target/fuzz $(CARGO) run --manifest-path tests/fuzz/Cargo.toml \
		--target $$(rustc -vV | sed -n 's/^host: //p') --bin main_log -- \
		-max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=65536 -artifact_prefix=target/fuzz/ \
		target/fuzz/corpus tests/fuzz/seeds

clean: ## Remove what was built and set up
	$(CARGO) clean
	rm -rf .venvs .tools
