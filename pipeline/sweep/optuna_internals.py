"""All uses of Optuna's private interfaces; pyproject.toml limits Optuna's version because of them."""

from optuna import Study
from optuna.trial import FrozenTrial, Trial


def live_trial(study: Study, trial: FrozenTrial) -> Trial:
    """Return a trial that another process started, in a form whose attributes can be set."""
    return Trial(study, trial._trial_id)
