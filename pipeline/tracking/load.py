"""Log the load of the machine during training, in the form that MLflow's UI shows."""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

from pipeline.storage import repeated
from pipeline.tracking.run import Run

FIRST_SECONDS, SECONDS = 1.0, 10.0
"""Seconds between two measurements, at first and after a while: short trainings have some, long ones not too many."""


@contextmanager
def measured(run: Run) -> Iterator[None]:
    """Log processor, memory, disk and network load while the block runs.

    This uses MLflow's monitors, but not its thread, which stops for good at the first failure of the store.
    """
    monitors = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    with suppress(ImportError, RuntimeError):  # the driver or its package is missing
        monitors.append(GPUMonitor())
    steps = itertools.count(run.next_step("system/"))
    began = measured_at = time.monotonic()

    def measure() -> None:
        nonlocal measured_at
        passed = time.monotonic() - began
        if time.monotonic() - measured_at < min(SECONDS, passed / 10):
            return
        measured_at = time.monotonic()
        metrics: dict[str, float] = {}
        for monitor in monitors:
            monitor.collect_metrics()
            metrics |= monitor.aggregate_metrics()
            monitor.clear_metrics()
        now = time.time_ns() // 1_000_000
        run.log_scores({f"system/{name}": float(value) for name, value in metrics.items()}, next(steps), now)

    with repeated(measure, FIRST_SECONDS):
        yield
