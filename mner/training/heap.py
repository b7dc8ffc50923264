"""Whether memory that a step frees stays with the process for the next step, or goes back to the system.

A training step frees hundreds of megabytes (gradients, activations) that the next step asks for again. The GNU C
library hands large blocks back to the kernel at once, and the kernel zeroes each page anew when it is touched
again. Keeping them moves no number of a run, only its time; how much, ``mner bench --levers`` measures.
"""

from __future__ import annotations

import ctypes

# Parameters of mallopt, from malloc.h of the GNU C library.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
# The largest number mallopt takes, in bytes: larger blocks still come from the kernel.
LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Keep freed blocks below 2 GiB in this process, for good; False where the C library offers no such setting.

    The process then holds on to its peak of CPU memory until it ends. Memory of a GPU has an allocator of its own.
    Call it before the memory is first used: what was mapped before is handed back as ever.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not the GNU C library
        return False
    trims, maps = mallopt(TRIM_THRESHOLD, LARGEST), mallopt(MMAP_THRESHOLD, LARGEST)
    return trims == maps == 1
