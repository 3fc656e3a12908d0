# make run    set up what is missing and serve on http://127.0.0.1:8000  (PORT=, DEMO_PASSWORD=)
# make test   install what the tests need and run them                   (ARGS="-k name", WORKERS=)
# make lint   ruff and mypy
# make docs   build the documentation into site/; a warning or a broken link is an error
# make bench  time per Gradio event and per page, compared with Gradio alone
# make screenshots  pictures of every page, in both colour schemes and two sizes
# make messages  bring the catalogues in locale/ up to date
# make pins   write constraints.txt anew after a change of the requirements

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:

PORT ?= 8000
DEMO_PASSWORD ?= gradio-demo
ARGS ?=
# Each has its own databases and servers; the tests of a file stay together, and files that share
# a server follow one another.
WORKERS ?= -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
ifndef PYTHON
PYTHON := $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" $(NEW_ENOUGH) && echo "$$name" && break; done)
endif

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q install
# The checks must not depend on somebody's .env.
CHECKED := DJANGO_ENV_FILE=/dev/null DJANGO_DEBUG=1

.PHONY: run test lint docs bench messages screenshots pins python port system-packages

run: python port .venv/installed .env staticfiles/collected
	@$(BIN)/python manage.py migrate -v 0
	@DEMO_PASSWORD='$(DEMO_PASSWORD)' $(BIN)/python manage.py demo_users
	@printf '\n  Open     http://127.0.0.1:%s\n  Sign in  ada, bob or admin, password %s\n  Stop     Ctrl-C\n\n' '$(PORT)' '$(DEMO_PASSWORD)'
	@DEMO_PASSWORD='$(DEMO_PASSWORD)' exec $(BIN)/python manage.py runserver 127.0.0.1:$(PORT)

test: .venv/installed-dev system-packages
	@$(BIN)/python -m pytest $(WORKERS) $(ARGS)

lint: .venv/installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(CHECKED) $(BIN)/mypy

docs: .venv/installed-dev
	@$(BIN)/sphinx-build -q -W --keep-going -d .cache/docs docs site

bench: .venv/installed-dev
	@$(BIN)/python benchmarks/event_latency.py
	@$(BIN)/python benchmarks/page_load.py

screenshots: .venv/installed-dev system-packages
	@$(BIN)/python tests/screenshots.py

messages: .venv/installed-dev
	@$(CHECKED) $(BIN)/python locale/update.py

pins: python
	@mkdir -p .cache && rm -rf .cache/pins && $(PYTHON) -m venv .cache/pins
	@sed '/^-/d' requirements.txt requirements-otel.txt requirements-dev.txt > .cache/pins/all.txt
	@.cache/pins/bin/python -m pip --disable-pip-version-check -q install -r .cache/pins/all.txt
	@{ sed -n 1p constraints.txt; .cache/pins/bin/python -m pip freeze; } > .cache/pins/constraints.txt
	@mv .cache/pins/constraints.txt constraints.txt && rm -rf .cache/pins

.venv/installed: requirements.txt constraints.txt | python
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "Installing requirements.txt into .venv (once, about a minute)"
	@$(PIP) -r requirements.txt
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt requirements-otel.txt
	@echo "Installing requirements-dev.txt into .venv"
	@$(PIP) -r requirements-dev.txt
	@touch $@

# Gradio's own files, compressed. Those of the site are served from where they are edited.
staticfiles/collected: .venv/installed | .env
	@echo "Compressing Gradio's files (once, some seconds)"
	@$(BIN)/python manage.py collectstatic --noinput -v 0
	@touch $@

.env: | .venv/installed
	@umask 077; { cat .env.example; echo; \
	  echo "DJANGO_SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))')"; } > .env
	@echo "Wrote .env with development settings"

# $(error) says it in one line, and ends make with status 2.
python:
	$(if $(shell '$(PYTHON)' $(NEW_ENOUGH) && echo yes),,$(error \
	  Python 3.11 or newer is needed and was not found: apt install python3, or make PYTHON=/path/to/python3))
	$(if $(shell '$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null && echo yes),,$(error \
	  Python's venv module is needed and $(PYTHON) has none: apt install python3-venv))

port: python
	$(if $(shell '$(PYTHON)' -c 'import socket, sys; s = socket.socket(); \
	  s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); \
	  s.bind(("127.0.0.1", int(sys.argv[1])))' '$(PORT)' 2>/dev/null && echo yes),,$(error \
	  Port $(PORT) is taken or not a port: stop what uses it, or choose another with make run PORT=8123))

system-packages:
	@missing=(); \
	for package in redis-server memcached nginx chromium ffmpeg prometheus; do \
	  command -v "$$package" >/dev/null || missing+=("$$package"); done; \
	compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql); \
	command -v systemd-analyze >/dev/null || missing+=(systemd); \
	command -v ip >/dev/null || missing+=(iproute2); \
	if [ "$${#missing[@]}" -eq 0 ]; then exit 0; fi; \
	if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing $${missing[*]}"; \
	  apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null; \
	else \
	  echo "Missing on this machine: $${missing[*]}. The tests that need them will be skipped (apt install $${missing[*]})."; \
	fi
