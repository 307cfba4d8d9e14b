# `make` lists the targets. The first one that runs anything sets up .venv.

PYTHON ?= python3
OLDEST ?= python3.11
RUN := .venv/bin/python -m

.PHONY: help demo test oldest lint types package format docs bench peers pictures stories notebooks clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: .venv/.ready ## solve the 39-bus case with the stability constraint
	.venv/bin/scopf solve case39 --lossless --mq 0.2

test: .venv/.ready ## run the tests, on two cores
	$(RUN) pytest -q --numprocesses 2 --dist loadfile

oldest: ## run the core tests with the oldest versions that pyproject.toml allows
	rm -rf build/oldest
	$(OLDEST) -m venv build/oldest
	$(OLDEST) tests/lower_bounds.py > build/oldest/versions.txt
	build/oldest/bin/python -m pip install --quiet --disable-pip-version-check \
	    --constraint build/oldest/versions.txt --editable '.[dask,plot,report]' \
	    hypothesis pytest pytest-xdist
	build/oldest/bin/python -m pytest -q -m core --numprocesses 2 --dist loadfile
	# pandapower asks for newer versions of others, so that it comes last
	build/oldest/bin/python -m pip install --quiet --disable-pip-version-check \
	    $$(grep ^pandapower= build/oldest/versions.txt)
	build/oldest/bin/python -m pytest -q tests/cases/test_pandapower_private.py \
	    tests/cases/test_pandapower_content.py

lint: .venv/.ready ## check style and formatting
	$(RUN) ruff check
	$(RUN) ruff format --check

types: .venv/.ready ## check the types of the package
	$(RUN) mypy --strict scopf

package: .venv/.ready ## build wheel and sdist, install the wheel into an environment of its own and use it
	rm -rf build/package
	$(RUN) build --quiet --outdir build/package
	$(PYTHON) -m venv build/package/env
	build/package/env/bin/python -m pip install --quiet --disable-pip-version-check build/package/*.whl
	cd build/package && env/bin/scopf solve case39 --lossless --mq 0.2

format: .venv/.ready ## format the code and mend what ruff can mend
	$(RUN) ruff format
	$(RUN) ruff check --fix

docs: .venv/.docs ## build the documentation into build/docs, warnings are errors
	$(RUN) sphinx -b html -j auto -n -W --keep-going -q docs build/docs

bench: .venv/.bench ## measure against other packages, see benchmarks/README.md
	$(RUN) benchmarks.bench $(BENCH)

peers: .venv/.peers ## compare files and power flows with other packages
	$(RUN) pytest -q tests/peers

pictures: .venv/.ready ## draw the pictures of docs again
	$(RUN) docs.pictures
	$(RUN) docs.landing

stories: .venv/.notebooks ## run the notebooks and check that they end well, outputs untouched
	$(RUN) pytest -q -p no:cacheprovider --nbmake --nbmake-timeout=240 notebooks

notebooks: .venv/.notebooks ## run the notebooks again and keep their outputs
	$(RUN) notebooks.execute

clean: ## remove the environment, builds and caches
	rm -rf .venv build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.docs: .venv/.ready pyproject.toml
	$(RUN) pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

.venv/.notebooks: .venv/.ready pyproject.toml
	$(RUN) pip install --quiet --disable-pip-version-check --editable '.[notebooks]'
	touch $@

.venv/.bench: .venv/.ready pyproject.toml
	$(RUN) pip install --quiet --disable-pip-version-check --editable '.[bench]'
	touch $@

.venv/.peers: .venv/.ready pyproject.toml
	$(RUN) pip install --quiet --disable-pip-version-check --editable '.[peers]'
	touch $@

.venv/.ready: bootstrap.py pyproject.toml
	$(PYTHON) bootstrap.py .venv
