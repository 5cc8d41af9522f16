"""Arithmetic that gives the same bits on every machine, whatever else is in an array and however many threads run.

A BLAS adds up in an order of its own, which depends on the processor, on the shape of a product and on a row's place in
it; so do the vector forms of logarithm and exponential in numpy and torch. Whatever is promised to have equal bits (a
line's curves, and what a frame's key is made of) therefore comes from the functions here: single additions,
multiplications, divisions and roots, element by element, which IEEE 754 defines to the last bit, in an order that is
written down; or sums of whole numbers so small that no order rounds them.

Locked by tests/unit/test_same_bits.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from backend.parallel import single_threaded_torch

_EXACT_BITS = 53
"""Whole numbers of up to so many bits are exact in float64."""
_NEGLIGIBLE = 1e-13
"""Entries beside the diagonal that are smaller than this share of the largest count as 0."""
_SWEEPS = 30
"""At most so many rounds of rotations."""
_LOG_2 = 0.6931471805599453
_ROOT_HALF = 0.7071067811865476

_NORMAL_REACH = 5.7
"""Beyond this many deviations the normal distribution counts as 0 or 1: it is, to 1e-8."""
_NORMAL_NUMERATOR = (
    *(0.39894229179083085, 1.0567146793375848, 5.07268081067481, 5.799565177769742),
    *(9.54784397995514, 1.9742425798541874, -0.09372291915461836),
)
_NORMAL_DENOMINATOR = (
    *(1.0, 8.063797412024849, 29.990351582517473, 66.21781425560495, 91.48300960522508, 74.066469468136),
)
"""(Phi(x) - 1/2) / x as a ratio of polynomials in (x / _NORMAL_REACH)^2, lowest power first: fitted by reweighted least
squares, largest error of x Phi(x) 2e-9."""


def small_product(x: Any, matrix: Any) -> Any:
    """(..., N) the product of x (..., K) and matrix (K, N), numpy arrays or tensors; the K products are added one after
    the other. For few columns: every one is a pass over the result."""
    total = x[..., 0, None] * matrix[0]
    for k in range(1, len(matrix)):
        total = total + x[..., k, None] * matrix[k]
    return total


def product(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(..., B, N) float64 products of x (..., B, K) and matrix (..., K, N); leading shapes broadcast.

    Every row of x and every column of the matrix is first rounded to whole multiples of a power of two of its own, as
    fine as keeps all sums within float64's whole numbers: 22 bits or more for K up to 512. So nothing is rounded while
    a BLAS adds up, and every order of addition gives the same. About as precise as float32.
    """
    bits = _EXACT_BITS - (x.shape[-1] - 1).bit_length()
    rows, row_unit = _whole(x, bits // 2, axis=-1)
    columns, column_unit = _whole(matrix, bits - bits // 2, axis=-2)
    # Not numpy's product: its BLAS would keep a thread spinning for long after, in the way of what follows.
    with single_threaded_torch():
        sums = torch.matmul(torch.from_numpy(rows), torch.from_numpy(columns)).numpy()
    # The order of addition may still show in the sign of a zero.
    return (sums + 0.0) * row_unit * column_unit


def _whole(values: np.ndarray, bits: int, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Values as whole numbers of at most 2^bits in size, and the unit (a power of two) of each slice along `axis`."""
    values = np.asarray(values, np.float64)
    _, exponent = np.frexp(np.abs(values).max(axis=axis, keepdims=True))
    return np.rint(values * np.ldexp(1.0, bits - exponent)), np.ldexp(1.0, exponent - bits)


def principal_axes(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """((K,) eigenvalues, the largest first, (K, K) eigenvectors as columns) of a symmetric matrix (K, K), by Jacobi's
    rotations in the order of rows. For small matrices: K^2 rotations a sweep, some eight sweeps."""
    values = np.array(matrix, np.float64)
    axes = np.eye(len(values))
    negligible = _NEGLIGIBLE * max(float(np.abs(values).max(initial=0.0)), 1e-300)
    for _ in range(_SWEEPS):
        if np.abs(values - np.diag(np.diagonal(values))).max(initial=0.0) <= negligible:
            break
        for p in range(len(values) - 1):
            for q in range(p + 1, len(values)):
                if abs(values[p, q]) > negligible:
                    _rotate(values, axes, p, q)
    # The sign of an axis is free: its largest entry is positive.
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(len(axes))]
    axes *= np.where(largest < 0.0, -1.0, 1.0)
    order = np.argsort(-np.diagonal(values), kind="stable")
    return np.diagonal(values)[order], axes[:, order]


def _rotate(values: np.ndarray, axes: np.ndarray, p: int, q: int) -> None:
    """Turn axes p and q (in place) so that entry p, q of the symmetric matrix becomes 0."""
    slope = (values[q, q] - values[p, p]) / (2.0 * values[p, q])
    tangent = (1.0 if slope >= 0.0 else -1.0) / (abs(slope) + np.sqrt(slope * slope + 1.0))
    cosine = 1.0 / np.sqrt(tangent * tangent + 1.0)
    sine = tangent * cosine
    for turned in (values.T, values, axes.T):
        first, second = turned[p].copy(), turned[q].copy()
        turned[p], turned[q] = cosine * first - sine * second, sine * first + cosine * second


def log(x: np.ndarray | float) -> np.ndarray:
    """Natural logarithm of positive, normal x as float64, to 1e-15."""
    mantissa, exponent = np.frexp(np.asarray(x, np.float64))
    small = mantissa < _ROOT_HALF
    mantissa = np.where(small, 2.0 * mantissa, mantissa)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    # 2 artanh(s), |s| < 0.172
    return (exponent - small) * _LOG_2 + 2.0 * s * _polynomial([1.0 / (2 * k + 1) for k in range(10)], s * s)


def exp(x: np.ndarray | float) -> np.ndarray:
    """e^x of |x| < 700 as float64, to 1e-13."""
    x = np.asarray(x, np.float64)
    halvings = np.rint(x / _LOG_2)
    return np.ldexp(_polynomial(_inverse_factorials(14), x - halvings * _LOG_2), halvings.astype(np.int64))


def gelu(x: np.ndarray) -> np.ndarray:
    """x Phi(x), Phi the normal distribution, as float64, to 1e-7."""
    within = np.clip(x, -_NORMAL_REACH, _NORMAL_REACH)
    y = within * (1.0 / _NORMAL_REACH)
    y *= y
    return x * (0.5 + within * (_polynomial(_NORMAL_NUMERATOR, y) / _polynomial(_NORMAL_DENOMINATOR, y)))


def _inverse_factorials(count: int) -> list[float]:
    values = [1.0]
    for k in range(1, count):
        values.append(values[-1] / k)
    return values


def _polynomial(coefficients: Any, x: np.ndarray) -> np.ndarray:
    """The polynomial of those coefficients, lowest power first, at x."""
    total = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total *= x
        total += coefficient
    return total
