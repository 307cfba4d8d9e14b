"""Ipopt's C interface, from the library in the casadi wheel, used where cyipopt is not.

cyipopt has to be compiled against an installed Ipopt. The casadi wheel, which scopf needs anyway,
contains one, so that `pip install scopf` is enough to solve. `Problem` has those arguments and
methods of `cyipopt.Problem` that `scopf.optimizer.ipopt` uses. The C functions are those of
IpStdCInterface.h (Ipopt 3.14, "Ipopt C interface" in its documentation).
"""

from __future__ import annotations

import ctypes
import importlib.util
import weakref
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scopf.arrays import Floats
from scopf.errors import ScopfError

_Index, _Number, _Bool, _Data = ctypes.c_int, ctypes.c_double, ctypes.c_bool, ctypes.c_void_p
_Numbers, _Indices = ctypes.POINTER(_Number), ctypes.POINTER(_Index)

_OBJECTIVE = ctypes.CFUNCTYPE(_Bool, _Index, _Numbers, _Bool, _Numbers, _Data)
_GRADIENT = ctypes.CFUNCTYPE(_Bool, _Index, _Numbers, _Bool, _Numbers, _Data)
_ROWS = ctypes.CFUNCTYPE(_Bool, _Index, _Numbers, _Bool, _Index, _Numbers, _Data)
_JACOBIAN = ctypes.CFUNCTYPE(
    _Bool, _Index, _Numbers, _Bool, _Index, _Index, _Indices, _Indices, _Numbers, _Data
)
_HESSIAN = ctypes.CFUNCTYPE(
    *(_Bool, _Index, _Numbers, _Bool, _Number, _Index, _Numbers, _Bool),
    *(_Index, _Indices, _Indices, _Numbers, _Data),
)
_ITERATION = ctypes.CFUNCTYPE(_Bool, _Index, _Index, *[_Number] * 8, _Index, _Data)
_FUNCTIONS = (
    "CreateIpoptProblem", "FreeIpoptProblem", "AddIpoptStrOption", "AddIpoptNumOption",
    "AddIpoptIntOption", "SetIntermediateCallback", "IpoptSolve",
)  # fmt: skip
_C_STYLE = 0  # indices count from 0


def _files() -> list[Path]:
    spec = importlib.util.find_spec("casadi")
    folders = spec.submodule_search_locations if spec else None
    return sorted(
        file
        for folder in folders or []
        for pattern in ("libipopt.so*", "libipopt*.dylib", "*ipopt*.dll")
        for file in Path(folder).glob(pattern)
        if not file.name.startswith("libcasadi")
    )


@cache
def load() -> ctypes.CDLL:
    """The library; it reads its environment variables, such as numbers of threads, when loaded.

    Raises:
        ImportError: when there is no casadi, or none with an Ipopt in it.
        OSError: when the library cannot be loaded.
    """
    files = _files()
    if not files:
        raise ImportError("no casadi that brings an Ipopt is installed")
    library = ctypes.CDLL(str(files[0]))
    if absent := [name for name in _FUNCTIONS if not hasattr(library, name)]:
        raise ImportError(f"{files[0]} is not Ipopt: it has no function {absent[0]}")
    library.CreateIpoptProblem.restype = ctypes.c_void_p
    library.CreateIpoptProblem.argtypes = [
        *(_Index, _Numbers, _Numbers, _Index, _Numbers, _Numbers, _Index, _Index, _Index),
        *(_OBJECTIVE, _ROWS, _GRADIENT, _JACOBIAN, _HESSIAN),
    ]
    library.FreeIpoptProblem.restype = None
    library.FreeIpoptProblem.argtypes = [ctypes.c_void_p]
    for name, kind in (("Str", ctypes.c_char_p), ("Num", _Number), ("Int", _Index)):
        add = getattr(library, f"AddIpopt{name}Option")
        add.restype, add.argtypes = _Bool, [ctypes.c_void_p, ctypes.c_char_p, kind]
    library.SetIntermediateCallback.restype = _Bool
    library.SetIntermediateCallback.argtypes = [ctypes.c_void_p, _ITERATION]
    library.IpoptSolve.restype = ctypes.c_int
    library.IpoptSolve.argtypes = [ctypes.c_void_p, *[_Numbers] * 6, _Data]
    return library


def version() -> str:
    """The library's version after a space; "" for an older one, which does not say."""
    if not hasattr(load(), "GetIpoptVersion"):
        return ""
    numbers = [ctypes.c_int() for _ in range(3)]
    load().GetIpoptVersion(*map(ctypes.byref, numbers))
    return " " + ".".join(str(number.value) for number in numbers)


class Problem:
    """An NLP that Ipopt can solve, with the arguments and methods of `cyipopt.Problem`.

    Args:
        n: number of variables.
        m: number of rows.
        problem_obj: the callbacks, methods named as cyipopt names them; without
            `jacobianstructure` and `hessianstructure` both matrices are empty.
        lb: lower bounds of the variables, shape (n,).
        ub: upper bounds, shape (n,).
        cl: lower bounds of the rows, shape (m,).
        cu: upper bounds, shape (m,).
    """

    def __init__(
        self,
        n: int,
        m: int,
        problem_obj: Any,
        lb: Floats,
        ub: Floats,
        cl: Floats | None = None,
        cu: Floats | None = None,
    ) -> None:
        self._n, self._m, self._callbacks = n, m, problem_obj
        self._raised: BaseException | None = None
        self._jacobian = _structure(problem_obj, "jacobianstructure")
        self._hessian = _structure(problem_obj, "hessianstructure")
        row_bounds = [_numbers(bound, m) for bound in (cl, cu)]
        bounds = [_numbers(bound, n) for bound in (lb, ub)]
        self._functions = (  # kept alive as long as Ipopt may call them
            _OBJECTIVE(self._guarded(Problem._put_objective)),
            _ROWS(self._guarded(Problem._put_rows)),
            _GRADIENT(self._guarded(Problem._put_gradient)),
            _JACOBIAN(self._guarded(Problem._put_jacobian)),
            _HESSIAN(self._guarded(Problem._put_hessian)),
        )
        self._iteration = _ITERATION(self._guarded(Problem._intermediate))
        self._library = load()
        self._problem = self._library.CreateIpoptProblem(
            *(n, *map(_pointer, bounds), m, *map(_pointer, row_bounds)),
            *(len(self._jacobian[0]), len(self._hessian[0]), _C_STYLE, *self._functions),
        )
        if not self._problem:
            raise ScopfError("Ipopt cannot make a problem of these sizes and bounds")
        if hasattr(problem_obj, "intermediate"):
            self._library.SetIntermediateCallback(self._problem, self._iteration)
        self.add_option("option_file_name", "")  # no ipopt.opt of the working folder

    def __del__(self) -> None:
        if getattr(self, "_problem", None):
            self._library.FreeIpoptProblem(self._problem)

    def add_option(self, name: str, value: str | int | float) -> None:
        """Set an option of Ipopt.

        Raises:
            TypeError: when Ipopt has no such option, or not with such a value.
        """
        kind = "Str" if isinstance(value, str) else "Int" if isinstance(value, int) else "Num"
        given = value.encode() if isinstance(value, str) else value
        if not getattr(self._library, f"AddIpopt{kind}Option")(self._problem, name.encode(), given):
            raise TypeError(f"Ipopt has no option {name!r} that takes {value!r}")

    def solve(
        self,
        x: Floats,
        lagrange: npt.ArrayLike = (),
        zl: npt.ArrayLike = (),
        zu: npt.ArrayLike = (),
    ) -> tuple[Floats, dict[str, Any]]:
        """Solve from a start point, with multipliers to start from for a warm start.

        Args:
            x: start, shape (n,).
            lagrange: multipliers of the rows, shape (m,), or none.
            zl: multipliers of the lower bounds, shape (n,), or none.
            zu: multipliers of the upper bounds, shape (n,), or none.

        Returns:
            The last iterate, and "status" (Ipopt's ApplicationReturnStatus), "obj_val", "g" and
            the multipliers "mult_g", "mult_x_L" and "mult_x_U".
        """
        point, rows = _numbers(x, self._n), np.zeros(self._m)
        of_rows, lower, upper = (
            _numbers(given if np.size(given) else None, size)
            for given, size in ((lagrange, self._m), (zl, self._n), (zu, self._n))
        )
        cost = np.zeros(1)
        arrays = (point, rows, cost, of_rows, lower, upper)
        status = self._library.IpoptSolve(self._problem, *map(_pointer, arrays), None)
        if self._raised is not None:
            raised, self._raised = self._raised, None
            raise raised
        info = {"status": status, "obj_val": cost[0], "g": rows}
        return point, info | {"mult_g": of_rows, "mult_x_L": lower, "mult_x_U": upper}

    # -- callbacks -----------------------------------------------

    def _guarded(self, method: Callable[..., bool]) -> Callable[..., bool]:
        """A method that C may call; an exception is stored, ends the run and is raised by `solve`.

        It has a weak reference to the problem only, so that the problem's memory can be freed.
        """
        me = weakref.proxy(self)

        def call(*arguments: Any) -> bool:
            if me._raised is not None:
                return False
            try:
                return method(me, *arguments)
            except BaseException as error:  # C cannot pass it on; `solve` does
                me._raised = error
                return False

        return call

    def _put_objective(self, n: int, x: Any, _new: bool, value: Any, _data: Any) -> bool:
        value[0] = self._callbacks.objective(_view(x, n))
        return bool(np.isfinite(value[0]))

    def _put_gradient(self, n: int, x: Any, _new: bool, gradient: Any, _data: Any) -> bool:
        _view(gradient, n)[:] = self._callbacks.gradient(_view(x, n))
        return True

    def _put_rows(self, n: int, x: Any, _new: bool, m: int, rows: Any, _data: Any) -> bool:
        if m:
            _view(rows, m)[:] = self._callbacks.constraints(_view(x, n))
        return True

    def _put_jacobian(self, n: int, x: Any, _new: bool, _m: int, *target: Any) -> bool:
        return _put(self._jacobian, lambda: self._callbacks.jacobian(_view(x, n)), *target)

    def _put_hessian(
        self, n: int, x: Any, _new: bool, factor: float, m: int, lagrange: Any, *target: Any
    ) -> bool:
        def values() -> Floats:
            multipliers = _view(lagrange, m) if m else np.zeros(0)
            found: Floats = self._callbacks.hessian(_view(x, n), multipliers, factor)
            return found

        return _put(
            self._hessian, values, *target[1:]
        )  # the first one is the flag "new multipliers"

    def _intermediate(self, *arguments: Any) -> bool:
        return bool(self._callbacks.intermediate(*arguments[:-1]))


def _structure(callbacks: Any, name: str) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    find = getattr(callbacks, name, None)
    rows, columns = find() if find else ((), ())
    return np.asarray(rows, dtype=np.int32), np.asarray(columns, dtype=np.int32)


def _put(
    structure: tuple[Any, Any], values: Callable[[], Floats], size: int, i: Any, j: Any, *into: Any
) -> bool:
    """Fill in the structure of a matrix, or its values; Ipopt asks for one of them at a time."""
    if size and into[0]:
        _view(into[0], size)[:] = values()
    elif size:
        _view(i, size)[:], _view(j, size)[:] = structure
    return True


def _numbers(given: npt.ArrayLike | None, size: int) -> Floats:
    """A contiguous copy that Ipopt may write into."""
    values = np.zeros(size) if given is None else np.array(given, dtype=np.float64)
    if values.shape != (size,):
        raise ValueError(f"Ipopt needs {size} numbers here, not {values.shape}")
    return np.ascontiguousarray(values)


def _pointer(values: Floats) -> Any:
    return values.ctypes.data_as(_Numbers)


def _view(pointer: Any, size: int) -> npt.NDArray[Any]:
    return np.ctypeslib.as_array(pointer, (size,))
