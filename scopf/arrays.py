"""Names of the array types that stages hand to each other."""

import numpy as np
import numpy.typing as npt

Complexes = npt.NDArray[np.complex128]
"""An array of complex numbers."""
Floats = npt.NDArray[np.float64]
"""An array of real numbers."""
Ints = npt.NDArray[np.int64]
"""An array of whole numbers."""
Flags = npt.NDArray[np.bool_]
"""An array of truth values."""
Strings = npt.NDArray[np.str_]
"""An array of texts."""
