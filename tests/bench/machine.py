# SPDX-License-Identifier: GPL-2.0-or-later
"""How noisy the machine is: the same loop over and over, all along the run."""

import os
import platform
import time

_LOOP = 200_000


def calibrate(noise):
    """Adds one measurement, in seconds, to the list."""
    begin = time.perf_counter()
    for _ in range(_LOOP):
        pass
    noise.append(time.perf_counter() - begin)


def describe(noise, load_before):
    ordered = sorted(noise)
    return {
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "calibrations": len(ordered),
        "calibration_median": ordered[len(ordered) // 2] / ordered[0],
        "calibration_max": ordered[-1] / ordered[0],
        "load_average": [load_before, os.getloadavg()[0]],
    }
