"""Names of the array types that stages hand to each other."""

import numpy as np
import numpy.typing as npt

Complexes = npt.NDArray[np.complex128]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.str_]
