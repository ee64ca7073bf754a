# Each word makes what it needs in .venv; nothing but Python 3.11+ and make has to be there.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DEBIAN := tshark gcc python3-samba samba-common-bin samba-testsuite smbclient winbind iproute2 \
	wine wine64 gcc-mingw-w64-x86-64-win32 mingw-w64-tools \
	krb5-kdc krb5-admin-server krb5-user libkrb5-dev strace
MEASURED := ndr ncacn ncalrpc
SECONDS ?= 60
SEED   ?= 1
KILLS  ?= 10000

.PHONY: help demo test coverage check format interop bench bench-ndr corpus fuzz soak stubs clean

help:                 ## these words
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile

demo: $(VENV)/.install ## serve the registry, walk it over three transports
	$(BIN)/python -m examples.registry.demo

test: $(VENV)/.test   ## every test that needs no foreign peer
	$(BIN)/python -m pytest -q

coverage: $(VENV)/.test ## the same, and how much of NDR and of the protocols their own tests reach: at least 90 % of the branches
	$(BIN)/python -m pytest -q $(MEASURED:%=tests/runtime/%) $(MEASURED:%=--cov=lrpc.runtime.%) \
		--cov-branch --cov-report=term --cov-fail-under=90
	$(BIN)/python -m pytest -q $(MEASURED:%=--ignore=tests/runtime/%)

check: $(VENV)/.check ## style, types (mypy and pyright, strict), and who may import whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright --project pyproject.toml
	$(BIN)/python -m pytest -q tests/test_imports.py

format: $(VENV)/.check ## put the style right
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

interop: $(VENV)/.interop ## real judges: Samba, impacket, a Windows program under Wine, Wireshark, a C compiler, strace
	LRPC_INTEROP_ROWS=$(VENV)/interop.json $(BIN)/python -m pytest -q -m interop tests/interop

bench: $(VENV)/.bench ## ratios in one run, pinned to one processor and to two
	$(BIN)/python -m benchmarks --pin both

bench-ndr: $(VENV)/.bench ## the codec against construct, impacket, pickle, protobuf and memcpy, on one processor
	$(BIN)/python -m benchmarks.ndr

corpus: $(VENV)/.corpus ## real IDL files in bulk: what Debian has, and the folder that LRPC_CORPUS names
	$(BIN)/python -m benchmarks.corpus $(VENV)/corpus

fuzz: $(VENV)/.fuzz    ## SECONDS of octets that coverage guides, into the readers of NDR and of PDUs; SEED= for others each time
	$(BIN)/python -m tests.fuzz $(VENV)/fuzz $(SECONDS) $(SEED)

soak: $(VENV)/.test    ## KILLS clients and servers of ports killed at any moment: descriptors, memory and names stay what they were
	LRPC_KILLS=$(KILLS) $(BIN)/python -m pytest -q tests/hostile/test_port_cycles.py

stubs: $(VENV)/.test ## generate runtime/interfaces/ and the golden stubs anew
	$(BIN)/python -m tests.rpcgen.regenerate

clean:                ## take away what was made here
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

$(VENV)/.venv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lrpc needs Python 3.11 or later")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.install: pyproject.toml $(VENV)/.venv
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.install
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

$(VENV)/.check: pyproject.toml $(VENV)/.test
	$(BIN)/python -m pip install --quiet --editable '.[test,check]'
	touch $@

$(VENV)/.interop: pyproject.toml Makefile $(VENV)/.test
	dpkg -s $(DEBIAN) >/dev/null 2>&1 || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(DEBIAN); }
	$(BIN)/python -m pip install --quiet --editable '.[test,interop]'
	touch $@

$(VENV)/.bench: pyproject.toml $(VENV)/.install
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	touch $@

$(VENV)/.fuzz: pyproject.toml $(VENV)/.install
	$(BIN)/python -m pip install --quiet --editable '.[fuzz]' || { echo 'make fuzz needs a Python that atheris has a wheel for: 3.11, 3.12 or 3.13' >&2; exit 1; }
	touch $@

$(VENV)/.corpus: pyproject.toml $(VENV)/.check benchmarks/corpus_install.py
	$(BIN)/python -m benchmarks.corpus_install $(VENV)/corpus
	touch $@
