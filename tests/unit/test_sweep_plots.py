"""A sweep's plots are drawn without touching what the calling program draws."""

import matplotlib as mpl
import optuna
import pytest
from matplotlib import pyplot

from deepcli.errors import TrainingError
from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.study.plots import draw


@pytest.fixture
def study():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = optuna.create_study()
    rates = optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True)
    for rate in (1e-3, 1e-2, 3e-2):
        made.add_trial(optuna.create_trial(params={"rate": rate}, distributions={"rate": rates}, value=rate))
    return made


@pytest.fixture
def mine():
    """A figure of the caller's, on a backend of its own choice."""
    before = mpl.get_backend()
    with mpl.rc_context():
        pyplot.switch_backend("svg")
        figure = pyplot.figure()
        yield figure
        pyplot.close(figure)
        pyplot.switch_backend(before)


def test_drawing_leaves_the_callers_backend_settings_and_figures(study, mine, tmp_path):
    settings = dict(mpl.rcParams)
    assert draw(study, "val_loss", tmp_path) == SweepDir(tmp_path).plots
    assert mpl.get_backend() == "svg" and dict(mpl.rcParams) == settings
    assert pyplot.get_fignums() == [mine.number] and pyplot.gcf() is mine


def test_so_does_drawing_that_fails(study, mine, tmp_path):
    with pytest.raises(TrainingError, match="cannot write"):
        draw(study, "val_loss", tmp_path / "missing")
    assert mpl.get_backend() == "svg"
    assert pyplot.get_fignums() == [mine.number] and pyplot.gcf() is mine
