"""Reads the arrays of an `.npz` file one by one, each only if it is asked for."""

import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from kgan.data import memory
from kgan.errors import InputError


class Archive(Mapping):
    """The arrays of an `.npz` file by name; an array is read when it is looked up.

    Before that, the size that its header promises is compared with that of the file's entry and
    with the memory that is free.

    Args:
        path: the file.

    Raises:
        InputError: here and from a look-up, if the file is damaged, an array holds Python objects,
            or it does not fit into memory.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            with zipfile.ZipFile(path) as file:
                members = [info.filename for info in file.infolist()]
        except Exception as error:  # damaged files raise errors of many classes
            raise self._unreadable(error) from error
        self._members = {member.removesuffix(".npy"): member for member in members}

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __getitem__(self, name: str) -> np.ndarray:
        member = self._members[name]
        try:
            with zipfile.ZipFile(self.path) as file:
                with file.open(member) as stream:
                    promised = _promised(stream)
                held = file.getinfo(member).file_size
                if promised > held:
                    raise ValueError(
                        f"the header of the array {name!r} promises {memory.in_units(promised)}, "
                        f"and there are {memory.in_units(held)}"
                    )
                memory.must_fit(
                    2 * promised,
                    f"The array {name!r} of {self.path}, of which training holds a copy,",
                    "Save it by numpy.save as an .npy file of dtype uint8 or float32, which is "
                    "read from disk.",
                )
                with file.open(member) as stream:
                    return np.lib.format.read_array(stream, allow_pickle=False)
        except InputError:
            raise
        except Exception as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error):
        return InputError(f"{self.path} cannot be read as an .npz file of arrays: {error}")


def _promised(stream) -> int:
    """Returns the number of bytes of an array by the header that `stream` begins with."""
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        # The third version differs in the encoding of field names, which no array here has.
        raise ValueError(f"an array has the unknown format {version}")
    shape, _, dtype = read_header(stream)
    return math.prod(shape) * dtype.itemsize
