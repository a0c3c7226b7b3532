"""What is shipped, what an import costs, and what it must not drag in."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import qalgs as qa

ROOT = Path(__file__).parents[1]
CHECKOUT = (ROOT / "pyproject.toml").exists() and (ROOT / "qalgs").is_dir()
VENDORS = ("qiskit_aer", "qiskit_ibm_runtime", "pennylane", "matplotlib", "scipy.optimize")


def run(code, **kwargs):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, **kwargs).stdout


def test_importing_qalgs_imports_no_vendor():
    found = run(f"import sys, qalgs; print([m for m in {VENDORS!r} if m in sys.modules])")
    assert found.strip() == "[]"


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "qalgs", "calibration", "absent.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "qalgs: Argument `path` must name a calibration file, but there is no file absent.json.\n",
    )


def test_public_names_are_what_the_readme_uses():
    wanted = ("backends", "circuits", "optimizers", "plot", "problems", "measure_paulis", "tomography", "LocalSFGD")
    assert all(hasattr(qa, name) for name in wanted)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if not CHECKOUT:
        pytest.skip("there is no checkout to build a wheel from")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_both_packages_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"qalgs", "qalgs_backends", f"qalgs-{qa.__version__}.dist-info"}
    assert {"qalgs/py.typed", "qalgs_backends/py.typed"} <= set(names)
    sources = {str(p.relative_to(ROOT)) for p in (ROOT / "qalgs").rglob("*.py")}
    sources |= {str(p.relative_to(ROOT / "backends")) for p in (ROOT / "backends").rglob("*.py")}
    assert sources <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_unpacked_wheel_is_imported_from_another_folder(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "import qalgs, qalgs_backends; print(qalgs.__file__); print(qalgs_backends.__file__)"
    printed = run(code, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "site"), "PATH": ""})
    assert all(line.startswith(str(tmp_path / "site")) for line in printed.split())
