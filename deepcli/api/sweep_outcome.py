"""The outcome of a sweep: what its JSON object says, and the ranking of its trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from deepcli.errors import DeepcliError, TrainingError

if TYPE_CHECKING:
    from deepcli.sweeps.outcome import JobState, Outcome
    from deepcli.sweeps.ranking import RankedTrial
    from deepcli.sweeps.study.study import Study


@dataclass(frozen=True)
class RankedOutcome:
    """The outcome of a sweep, with its trials.

    Attributes:
        outcome: What `--json` prints.
        rows: All trials, best first.
        interrupted: The error that a signal caused, if any.
    """

    outcome: Outcome
    rows: Sequence[RankedTrial]
    interrupted: DeepcliError | None = None

    @property
    def problem(self) -> DeepcliError | None:
        """The error that ended the sweep, or that too many trials failed or none completed; None if all is well."""
        if self.interrupted is not None:
            return self.interrupted
        return None if self.outcome.error is None else TrainingError(self.outcome.error)


def _jobs(study: Study) -> list[JobState]:
    """Return the jobs of a sweep's engine with their present states, those known last if the engine does not answer."""
    from deepcli.sweeps.engines.job_states import present_jobs
    from deepcli.sweeps.outcome import JobState

    found = present_jobs(study.folder)
    return [JobState(engine=found.engine, **asdict(job)) for job in found.jobs] if found else []


def outcome_of(
    study: Study,
    command: Literal["sweep run", "sweep status"],
    ended: bool,
    seconds: float,
    interrupted: DeepcliError | None = None,
) -> RankedOutcome:
    """Return a sweep's outcome and the ranking of its trials.

    Args:
        study: The sweep.
        command: The command whose outcome it is.
        ended: Whether nothing is left to do.
        seconds: Wall time of the command.
        interrupted: The error that a signal caused, if any.
    """
    from deepcli.sweeps.joining import join_command
    from deepcli.sweeps.outcome import NONE_COMPLETED, Outcome, counts, winner
    from deepcli.sweeps.ranking import ranking, tested, winner_runs
    from deepcli.sweeps.study.importances import importances

    rows = ranking(study)
    numbers = counts(rows)
    runs, host = winner_runs(study)
    best = winner(rows, runs, tested(study), host)
    wrong = f"{numbers['failed']} trials failed; the limit is {study.plan.max_failures}" if study.given_up else None
    wrong = wrong or (None if best else NONE_COMPLETED)
    weighed = importances(study.optuna)
    outcome = Outcome(
        schema=1,
        command=command,
        status="interrupted" if interrupted else "unfinished" if not ended else "failed" if wrong else "completed",
        sweep=str(study.folder.path),
        metric=study.plan.metric.name,
        goal=study.plan.metric.goal,
        planned=study.size,
        **numbers,
        unfinished=numbers["interrupted"],
        best=best,
        jobs=_jobs(study),
        study=study.name if study.leases.in_database else None,
        join=join_command(study),
        importances=weighed.shares,
        importances_note=weighed.note,
        seconds=round(seconds, 3),
        error=str(interrupted) if interrupted else wrong if ended else None,
    )
    return RankedOutcome(outcome, rows, interrupted)
