"""Every example in a docstring runs and prints what it says."""

import doctest
import importlib
import pkgutil

import pytest

import qalgs
import qalgs_backends

MODULES = [
    info.name
    for package in (qalgs, qalgs_backends)
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples_in(name):
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name))
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    report = []
    for test in examples_in(name):
        runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)
