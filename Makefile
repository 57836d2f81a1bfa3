# `make demo` shows the main job and `make test` checks everything; each first sets up a Python environment of its own.

PYTHON ?= python3
# On a machine without an NVIDIA card the CPU build is the smaller one: make test TORCH=path/to/the/wheel
TORCH ?= torch==2.13.0
# Footage of your own for the demo: make demo BAG=my_drive (a rosbag2) or make demo VIDEO=my_drive.mp4
BAG ?=
VIDEO ?=

# Python compiles what it imports; to compile all that is installed would take a minute.
PIP_INSTALL := pip install --disable-pip-version-check --no-compile
# Most tests wait more than they compute. A file's tests stay together, as they share what they make.
PYTEST := pytest -n 2 --dist loadfile

VENV := .venv
JAZZY_VENV := .venv-jazzy
OLDEST_VENV := .venv-oldest
INSTALLED_FILES := setup.py pyproject.toml package.xml $(wildcard launch/* config/* illumigan_ros/executables/*)

# A sourced ROS distribution would mix its own rclpy into the environment's.
unexport PYTHONPATH PYTHONHOME LD_LIBRARY_PATH RMW_IMPLEMENTATION _ROS_WHEELS_BOOTSTRAP_COMPLETE
# What Python compiles is to be kept: a node that compiles all it imports takes twice as long to start.
unexport PYTHONDONTWRITEBYTECODE
export ROS_AUTOMATIC_DISCOVERY_RANGE := LOCALHOST
export ROS_DOMAIN_ID := $(shell echo $$(( $$$$ % 100 + 1 )))
export AMENT_PREFIX_PATH = $(CURDIR)/$(VENV)

.PHONY: demo test run-tests test-jazzy test-oldest lint docs soak gpu-check comparison package clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.ready-to-run
	$(VENV)/bin/illumigan demo $(if $(BAG),--bag "$(BAG)") $(if $(VIDEO),--video "$(VIDEO)")

# Side by side, as mypy alone would keep a core idle for most of a minute.
test: $(VENV)/.ready-to-test
	@$(MAKE) --no-print-directory --jobs=2 lint run-tests

run-tests: $(VENV)/.ready-to-test
	$(VENV)/bin/$(PYTEST)

test-jazzy: AMENT_PREFIX_PATH = $(CURDIR)/$(JAZZY_VENV)
test-jazzy: $(JAZZY_VENV)/.ready-to-test
	$(JAZZY_VENV)/bin/$(PYTEST) test/ros

# The lowest versions that setup.py promises to work with, and beside them what the tests need.
test-oldest: AMENT_PREFIX_PATH = $(CURDIR)/$(OLDEST_VENV)
test-oldest: $(OLDEST_VENV)/.ready-to-test
	$(OLDEST_VENV)/bin/$(PYTEST)

lint: $(VENV)/.ready-to-test
	$(VENV)/bin/ruff check .
	@mkdir -p .mypy_cache && ln -sfn ../training .mypy_cache/illumigan_training  # under its import name
	MYPYPATH=.mypy_cache $(VENV)/bin/mypy -p illumigan_model -p illumigan_ros -p illumigan_training

# The documentation as a site in build/docs; any link that leads nowhere fails.
docs: $(VENV)/.ready-for-docs
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict
	@echo "Open build/docs/index.html; with the search: $(PYTHON) -m http.server --directory build/docs"

# Ten minutes of everything that robots do to a node; exit code 1 on any breach.
soak: $(VENV)/.ready-to-run
	$(VENV)/bin/python -m illumigan_ros.measure.soak

# Baselines, methods from papers and our models side by side; some minutes.
comparison: $(VENV)/.ready-to-test
	$(VENV)/bin/python -m illumigan_ros.commands.comparison docs/comparison.md

# Needs an NVIDIA card, and a TORCH that is built for it, as the default is on x86-64.
gpu-check: $(VENV)/.ready-to-test
	$(VENV)/bin/illumigan gpu-check

# Wheel and source archive in dist/; the demo is then run from the wheel alone, in an environment and a folder of its own.
PACKAGE_VENV := $(CURDIR)/build/package-venv
package: AMENT_PREFIX_PATH = $(PACKAGE_VENV)
package: | $(VENV)/bin/pip
	rm -rf dist build
	$(VENV)/bin/pip install --disable-pip-version-check build twine
	$(VENV)/bin/python -m build --outdir dist
	$(VENV)/bin/twine check --strict dist/*
	$(PYTHON) -m venv --clear $(PACKAGE_VENV)
	$(PACKAGE_VENV)/bin/pip install --disable-pip-version-check "$$(ls $(CURDIR)/dist/*.whl)[ros,video]"
	cd build && $(PACKAGE_VENV)/bin/illumigan demo --seconds 2
	@du -h dist/*
	@cd build && for try in 1 2 3; do $(PACKAGE_VENV)/bin/python -c "import time; start = time.perf_counter(); \
		from illumigan_model import Enhancer; print(f'import of the Enhancer: {time.perf_counter() - start:.2f} s')"; done

clean:
	rm -rf $(VENV) $(JAZZY_VENV) $(OLDEST_VENV) build dist install log demo_out illumigan.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.ready-to-run: $(INSTALLED_FILES) | $(VENV)/bin/pip
	$(VENV)/bin/$(PIP_INSTALL) -e ".[ros,video]"
	$(check-opencv)
	@touch $@

$(VENV)/.ready-to-test: $(INSTALLED_FILES) | $(VENV)/bin/pip
	$(VENV)/bin/$(PIP_INSTALL) -e ".[ros,video,train,dev]" "$(TORCH)"
	$(check-opencv)
	@touch $@ $(VENV)/.ready-to-run

$(VENV)/.ready-for-docs: $(INSTALLED_FILES) | $(VENV)/bin/pip
	$(VENV)/bin/$(PIP_INSTALL) -e ".[docs]"
	@touch $@

$(JAZZY_VENV)/.ready-to-test: $(INSTALLED_FILES) | $(JAZZY_VENV)/bin/pip
	$(JAZZY_VENV)/bin/$(PIP_INSTALL) -e ".[ros-jazzy,video,dev]"
	$(check-opencv)
	@touch $@

# uv, as pip cannot resolve to the lowest versions; from wheels, as old sources do not build with new compilers.
COMPILED := numpy opencv-python pillow numba onnxruntime av pyyaml zstandard lz4
$(OLDEST_VENV)/.ready-to-test: $(INSTALLED_FILES) | $(OLDEST_VENV)/bin/pip
	$(OLDEST_VENV)/bin/$(PIP_INSTALL) uv
	$(OLDEST_VENV)/bin/uv pip install --python $(OLDEST_VENV)/bin/python --resolution lowest-direct \
		$(COMPILED:%=--only-binary %) -e ".[ros,video]"
	$(OLDEST_VENV)/bin/pip freeze --exclude-editable > $(OLDEST_VENV)/floors.txt
	$(OLDEST_VENV)/bin/$(PIP_INSTALL) -c $(OLDEST_VENV)/floors.txt -e ".[train]" "$(TORCH)" \
		pytest pytest-xdist hypothesis scikit-image
	$(check-opencv)
	@touch $@

define check-opencv
@$(@D)/bin/python -c "import cv2" || \
	{ echo "OpenCV lacks a system library, most likely: sudo apt install libgl1 libglib2.0-0"; exit 1; }
endef

%/bin/pip:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "There is no $(PYTHON) here: install Python 3.10 to 3.14, or name yours: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))" || \
		{ echo "The ROS wheels need Python 3.10 to 3.14, and $(PYTHON) is another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c "import ensurepip, venv" 2>/dev/null || \
		{ echo "Python lacks its venv module: sudo apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv --clear $*
