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

SECONDS = 10.0
"""Seconds between two measurements."""


@contextmanager
def measured(run: Run) -> Iterator[None]:
    """Log processor, memory, disk and network load while the block runs.

    This uses MLflow's monitors, but not its thread, which stops for good at the first failure of the store.
    """
    monitors = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    with suppress(ImportError, RuntimeError):  # the driver or its package is missing
        monitors.append(GPUMonitor())
    steps = itertools.count(run.next_step("system/"))

    def measure() -> None:
        metrics: dict[str, float] = {}
        for monitor in monitors:
            monitor.collect_metrics()
            metrics |= monitor.aggregate_metrics()
            monitor.clear_metrics()
        now = time.time_ns() // 1_000_000
        run.log_scores({f"system/{name}": float(value) for name, value in metrics.items()}, next(steps), now)

    with repeated(measure, SECONDS):
        yield
