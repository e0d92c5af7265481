"""The load of the machine during a training, as MLflow's own pages show it."""

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
"""Between two measurements."""


@contextmanager
def measured(run: Run) -> Iterator[None]:
    """Log processor, memory, disk and network load while the block runs.

    With MLflow's monitors, but not with its thread: that one stops for good when the store is away for a moment.
    """
    monitors = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    with suppress(ImportError, RuntimeError):  # no driver, or none of its packages
        monitors.append(GPUMonitor())
    steps = itertools.count(run.next_step("system/"))

    def measure() -> None:
        found: dict[str, float] = {}
        for monitor in monitors:
            monitor.collect_metrics()
            found |= monitor.aggregate_metrics()
            monitor.clear_metrics()
        now = time.time_ns() // 1_000_000
        run.log_scores({f"system/{name}": float(value) for name, value in found.items()}, next(steps), now)

    with repeated(measure, SECONDS):
        yield
