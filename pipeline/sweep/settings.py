"""`hydra.sweeper`, typed. The files in `conf/hydra/sweeper/` hold defaults and meanings."""

from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline.config import Section

Direction = Literal["auto", "maximize", "minimize"]


class SweepSettings(Section):
    """The settings of a sweep."""

    params: dict[str, Any]
    when: dict[str, dict[str, Any]]
    metric: str | list[str]
    direction: Direction | list[Direction]
    n_trials: Annotated[int, Field(ge=1)]
    n_jobs: Annotated[int, Field(ge=1, le=1024)]
    timeout: Annotated[float, Field(gt=0)] | None
    trial_seconds: Annotated[float, Field(gt=0)] | None
    max_failure_rate: Annotated[float, Field(ge=0, le=1)]
    enqueue: list[dict[str, Any]]
    confirm: Annotated[int, Field(ge=0, le=1000)]
    storage: str | None
    study_name: str | None
    sampler: dict[str, Any]
    pruner: dict[str, Any]

    @property
    def metrics(self) -> list[str]:
        """The optimised metrics, as a list."""
        return [self.metric] if isinstance(self.metric, str) else self.metric

    @property
    def directions(self) -> list[str]:
        """The directions as a list, one for each metric unless `direction` is `auto`."""
        return [self.direction] if isinstance(self.direction, str) else list(self.direction)

    def contradictions(self) -> list[str]:
        """Return conflicts between keys, as lines `key: reason`."""
        faults = []
        if not self.metrics:
            faults.append("metric: the list is empty; give at least one metric")
        if len(self.directions) != len(self.metrics) and self.direction != "auto":
            faults.append(f"direction: expected {len(self.metrics)}, one for each metric, received {self.direction}")
        if len(self.metrics) > 1 and self.pruner.get("name") != "none":
            faults.append(
                "pruner: Optuna cannot prune with several metrics; choose hydra/sweeper/pruner=none, or one metric"
            )
        if len(self.metrics) > 1 and self.confirm:
            faults.append(
                "confirm: with several metrics there is no single best trial to repeat; set it to 0, or give one metric"
            )
        return faults
