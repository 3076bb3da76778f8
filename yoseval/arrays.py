"""Names for the array types that every floor uses."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Indices: TypeAlias = NDArray[np.int64]
Texts: TypeAlias = NDArray[np.object_]
AnyArray: TypeAlias = NDArray[Any]
