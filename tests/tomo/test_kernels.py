"""The kernels of ``AllPauli`` agree: NumPy, Numba, and CuPy, which a stand-in made of NumPy replaces here."""

import sys
import types

import numpy as np
import pytest

from qalgs.tomo.operators import AllPauli, _numba, allpauli, apply_hermitian
from tests.tomo.oracle import random_factor


class DeviceArray(np.ndarray):
    """An array that says it comes from CuPy, and refuses to meet plain arrays."""

    __module__ = "cupy"

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        for each in inputs:
            if isinstance(each, np.ndarray) and not isinstance(each, DeviceArray):
                raise TypeError("an array on the host meets one on the device")
        plain = [each.view(np.ndarray) if isinstance(each, DeviceArray) else each for each in inputs]
        result = getattr(ufunc, method)(*plain, **kwargs)
        return result.view(DeviceArray) if isinstance(result, np.ndarray) else result


@pytest.fixture
def stand_in(monkeypatch):
    cupy = types.ModuleType("cupy")

    def on_device(function):
        return lambda *args, **kwargs: function(*args, **kwargs).view(DeviceArray)

    for name in ("asarray", "concatenate", "ascontiguousarray", "matmul"):
        setattr(cupy, name, on_device(getattr(np, name)))
    cupy.asnumpy = lambda array: array.view(np.ndarray).copy()
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    return cupy


@pytest.mark.parametrize("n", [1, 3, 6, 7, 8])
def test_the_block_wise_transform_equals_the_products(n):
    grid = np.random.default_rng(n).normal(size=(2**n, 2**n))
    products = AllPauli(n, kernel="numpy")
    expected = products.adjoint(products.table(grid))
    _numba.transform(grid)
    np.testing.assert_allclose(grid, expected, atol=1e-10)


@pytest.mark.parametrize(
    ("n", "dtype", "atol"), [(1, float, 1e-14), (6, float, 1e-13), (8, float, 1e-12), (8, "f4", 1e-4)]
)
def test_numba_equals_numpy(n, dtype, atol):
    pytest.importorskip("numba")
    compiled, plain = AllPauli(n, dtype, kernel="numba"), AllPauli(n, dtype, kernel="numpy")
    U = random_factor(np.random.default_rng(n), n, 2)
    forward = compiled.forward(U)
    assert forward.dtype == np.dtype(dtype)
    np.testing.assert_allclose(compiled.grid(forward), plain.grid(plain.forward(U)), atol=atol)
    grid = np.random.default_rng(0).normal(size=(2**n, 2**n)).astype(dtype)
    table = compiled.table(grid)
    np.testing.assert_allclose(compiled.adjoint(table), plain.adjoint(plain.table(grid)), atol=100 * atol)
    np.testing.assert_array_equal(compiled.grid(table), grid)  # the adjoint leaves its argument alone


def test_auto_compiles_large_tables_where_numba_is_installed(monkeypatch):
    assert AllPauli(9).kernel == "numpy"
    try:
        import numba  # noqa: F401

        assert AllPauli(10).kernel == "numba"
    except ImportError:
        assert AllPauli(10).kernel == "numpy"
    monkeypatch.setattr(allpauli, "_numba_works", lambda: False)
    assert AllPauli(10).kernel == "numpy"


def test_a_transform_that_disagrees_is_not_used(monkeypatch):
    monkeypatch.setattr(_numba, "compiled", lambda: lambda T: None)
    assert not allpauli._numba_works.__wrapped__()


def test_a_missing_numba_is_no_obstacle(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setitem(sys.modules, "numba.extending", None)
    monkeypatch.setattr(_numba, "compiled", _numba.compiled.__wrapped__)
    assert not allpauli._numba_works.__wrapped__()
    with pytest.raises(ImportError):
        AllPauli(3, kernel="numba")


def test_tables_on_a_device_and_factors_on_the_host(stand_in):
    n, U = 4, random_factor(np.random.default_rng(4), 4, 2)
    device, host = AllPauli(n, kernel="cupy"), AllPauli(n, kernel="numpy")
    table = device.forward(U)
    assert type(table) is type(device.signs()) is DeviceArray
    x, z = np.arange(16), np.arange(16)[::-1]
    y = device.scatter(x, z, np.ones(16))
    assert type(y) is DeviceArray
    B = device.adjoint(table - y)
    G = apply_hermitian(B, U)
    assert type(G) is np.ndarray
    expected = apply_hermitian(host.adjoint(host.forward(U) - host.scatter(x, z, np.ones(16))), U)
    np.testing.assert_allclose(G, expected, atol=1e-12)
    assert type(apply_hermitian(B, U.view(DeviceArray))) is DeviceArray


def test_unknown_kernels_are_refused():
    with pytest.raises(ValueError, match=r"`kernel` must be one of .*'fortran'"):
        AllPauli(2, kernel="fortran")


@pytest.mark.gpu
def test_the_gpu_equals_the_host():
    cupy = pytest.importorskip("cupy")
    n, U = 10, random_factor(np.random.default_rng(4), 10, 2)
    device, host = AllPauli(n, np.float32, kernel="cupy"), AllPauli(n, kernel="numpy")
    expected = host.forward(U)
    np.testing.assert_allclose(cupy.asnumpy(device.forward(U)), expected, rtol=0, atol=1e-4)
    G = apply_hermitian(device.adjoint(device.forward(U)), U)
    exact = apply_hermitian(host.adjoint(expected), U)
    assert np.linalg.norm(G - exact) < 1e-4 * np.linalg.norm(exact)
