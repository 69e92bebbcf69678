# Two commands: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# PYTHON=python3.12 picks the interpreter; SOURCE is what the demo plays; ARGS goes to the command.
export PYTHON SOURCE

# Where ROS 2 is sourced, it is what everything runs on, and nothing of standalone/ is used.
# Elsewhere standalone/run makes an environment with ROS 2 from wheels, on first use.
sourced := $(shell [ -n "$$ROS_DISTRO" ] && $${PYTHON:-python3} -c 'import rclpy' 2>&- && echo yes)
ifneq ($(sourced),)
build = colcon build --symlink-install --packages-select smolvlm_ros \
  --cmake-args -DBUILD_TESTING=OFF $${PYTHON:+-DPython3_EXECUTABLE=$$(command -v $$PYTHON)}
in = source install/local_setup.bash &&
python = $${PYTHON:-python3}
lint_tools = @for tool in ruff mypy; do command -v $$tool > /dev/null || { \
  echo "$$tool is not installed: python3 -m pip install $$tool"; exit 1; }; done
else
build = @:
in = standalone/run $(if $(filter 1,$(VLM)),--with vlm)
python = python3
lint_tools = @:
endif
# ROS comes with other versions of mypy and ruff than the locked ones, or without. (make itself has
# a variable of this name.)
ifeq ($(origin LINT),default)
LINT = $(if $(sourced),0,1)
endif

.PHONY: help setup demo test lint docs clean clean-all

help: ## show this list
	@awk -F ':.*## ' '/^[a-zA-Z%_-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'variables: PYTHON=python3.12  SOURCE=video, folder or bag (demo)  ARGS=more arguments'
	@echo '           VLM=1 or 0: with or without torch and transformers (demo, test: 1, else 0)'

setup: ## make or repair the environment, and build
	$(build)
	$(in) true

# The embedded checkpoints, its default, need torch; VLM=0 plays the same world without weights.
demo: VLM ?= 1
demo: ## play SOURCE (by default the embedded world) through the whole funnel
	$(build)
	$(in) $(python) -m smolvlm_ros.cli demo --output demo_output $${SOURCE:+--source "$$SOURCE"} $(ARGS)

test: VLM ?= 1
test: $(if $(filter 0,$(LINT)),,lint) ## lint (not with LINT=0), then unit, node and build tests
	$(build)
	$(in) $(python) -m pytest $(ARGS)

lint: ## ruff and mypy
	$(build)
	$(lint_tools)
	$(in) ruff check
	$(in) mypy

docs: ## write the pages that are made from the declarations in the code
	$(build)
	$(in) $(python) docs/reference.py $(ARGS)

bench-world bench-qa bench-memory_video: VLM ?= 1
bench-%: ## run benchmark/%.py, for example: make bench-gate ARGS="--quick --json f.json"
	$(build)
	$(in) $(python) benchmark/$*.py $(ARGS)

clean: ## remove what was built and what demos and tests left
	rm -rf build install log demo_output .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.standalone/*' -prune -exec rm -rf {} +

clean-all: clean ## and the environment
	rm -rf .standalone
