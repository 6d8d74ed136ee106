"""Beam search, against all sequences of a model that is small enough to try them all."""

import itertools

import numpy as np
import pytest

from deepcli.evaluation.beam_search import BeamSettings, beam_search

START, END, TOKENS, LONGEST = 1, 3, 6, 4


class Table:
    """Probabilities of the next token by the two before it, another table for each input."""

    def __init__(self, seed, inputs):
        rng = np.random.RandomState(seed)
        raised = np.exp(2 * rng.normal(size=(inputs, TOKENS, TOKENS, TOKENS)))
        raised[..., [0, START, 2]] = 1e-30
        self.logs = np.log(raised / raised.sum(axis=-1, keepdims=True))
        self.rows = []

    def step(self, tokens, order, before, state):
        inputs, latest = state[0][order], state[1][order]
        self.rows.append(len(tokens))
        logs = self.logs[inputs, latest, tokens]
        ids = np.argsort(-logs, axis=1, kind="stable")[:, : 2 * 3]
        return np.take_along_axis(logs, ids, axis=1), ids, (inputs, tokens)

    def state(self, inputs):
        return np.asarray(inputs), np.full(len(inputs), START)

    def score(self, which, tokens):
        """The log-probability of a sequence; one of the greatest length needs no end."""
        latest, total, last = START, 0.0, START
        for token in tokens:
            total += self.logs[which, latest, last, token]
            latest, last = last, token
        return total


def settings(beam, penalty=0.0):
    return BeamSettings(beam, penalty, LONGEST, START, END)


def all_sequences():
    words = [0, START, 2, 4, 5]
    for length in range(LONGEST):
        for tokens in itertools.product(words, repeat=length):
            yield (*tokens, END)
    for tokens in itertools.product(words, repeat=LONGEST):
        yield tokens


@pytest.mark.parametrize("penalty", [0.0, 0.6, 2.0])
def test_a_beam_as_wide_as_all_sequences_finds_the_best(penalty):
    table, wide = Table(0, 3), settings(3**LONGEST, penalty)
    found = beam_search(3, table.step, table.state([0, 1, 2]), wide)
    for which, one in enumerate(found):
        ranked = {tokens: table.score(which, tokens) / ((5 + len(tokens)) / 6) ** penalty for tokens in all_sequences()}
        best = max(ranked, key=ranked.__getitem__)
        assert one.tokens == tuple(token for token in best if token != END)
        assert one.rank == pytest.approx(ranked[best])


def test_one_beam_is_greedy():
    table = Table(1, 4)
    for which, one in enumerate(beam_search(4, table.step, table.state(range(4)), settings(1))):
        latest, last = START, START
        tokens: list[int] = []
        while len(tokens) < LONGEST:
            best = int(table.logs[which, latest, last].argmax())
            if best == END:
                break
            tokens.append(best)
            latest, last = last, best
        assert one.tokens == tuple(tokens)


def test_what_one_input_gets_does_not_depend_on_the_others():
    table = Table(2, 8)
    together = beam_search(8, table.step, table.state(range(8)), settings(2, 0.6))
    alone = [beam_search(1, table.step, table.state([which]), settings(2, 0.6))[0] for which in range(8)]
    assert together == alone


def test_inputs_that_are_done_take_no_more_steps():
    table = Table(3, 8)
    beam_search(8, table.step, table.state(range(8)), settings(2))
    assert table.rows[0] == 8
    assert table.rows == sorted(table.rows[:2]) + table.rows[2:]
    assert max(table.rows) <= 16
    assert len(table.rows) <= LONGEST


def test_early_ends_that_are_unlikely_do_not_stop_a_search():
    """As label smoothing leaves them: at each step, the end is the second likeliest token."""
    table = Table(0, 1)
    table.logs[:] = np.log([1e-9, 1e-9, 1e-9, 0.05, 0.9, 0.01])
    for beam in (2, 3, 4):
        (one,) = beam_search(1, table.step, table.state([0]), settings(beam))
        assert one.tokens == (4, 4, 4, 4)
