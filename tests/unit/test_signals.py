"""A Ctrl-C is never lost, wherever it comes and whoever swallows its exception."""

import contextlib
import signal
import sys
import weakref

import numpy as np
import pytest

from deepcli.system import signals
from deepcli.system.signals import Signals, uninterrupted


def handlers():
    """Return the handlers of all signals that a run handles; an interrupt within `deferred` leaves those of the run."""
    numbers = (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGUSR1"))
    return {number: signal.getsignal(number) for number in numbers if number is not None}


def restore(before):
    """Set handlers as they were, and forget all interrupts."""
    for number, handler in before.items():
        signal.signal(number, handler)
    signals._interrupts.clear()


@pytest.fixture(autouse=True)
def listening():
    """Listen as a command does, and give pytest its handler back."""
    before = handlers()
    signals.listen()
    yield
    restore(before)


def interrupt(*ignored):
    signal.raise_signal(signal.SIGINT)


def in_a_library():
    with contextlib.suppress(BaseException):
        interrupt()


def as_another_error():
    with contextlib.suppress(ImportError):
        try:
            interrupt()
        except BaseException as error:
            raise ImportError("cannot import it") from error


def in_a_callback():
    """As each import has some: Python writes such an exception to stderr and goes on."""

    class Lock:
        pass

    lock = Lock()
    reference = weakref.ref(lock, interrupt)
    del lock
    assert reference() is None


def in_a_finalizer():
    class Closed:
        __del__ = interrupt

    Closed()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("swallow", [in_a_library, as_another_error, in_a_callback, in_a_finalizer])
@pytest.mark.parametrize("held", [False, True], ids=["at once", "held back"])
def test_an_interrupt_that_is_swallowed_ends_a_run_before_training(swallow, held):
    with contextlib.suppress(KeyboardInterrupt), uninterrupted() if held else contextlib.nullcontext():
        swallow()
    assert signals.interrupted()
    asked = Signals()
    with asked.deferred(lambda text: None):
        assert asked.stop == signal.SIGINT
        with pytest.raises(signals.Stopped):
            asked.check()


def test_nothing_is_asked_where_nothing_came():
    asked = Signals()
    with uninterrupted(), asked.noted(), asked.deferred(lambda text: None):
        assert asked.stop is None
    signals.heed()
    assert not signals.interrupted()


def test_an_import_within_a_run_leaves_the_answer_to_the_run():
    asked = Signals()
    with asked.deferred(lambda text: None):
        with uninterrupted():
            in_a_library()
            assert asked.stop is None
        assert asked.stop == signal.SIGINT


def test_a_second_interrupt_does_not_wait_for_an_import():
    imported = False
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        interrupt()
        interrupt()
        imported = True
    assert not imported


class Way:
    """What a command goes through from its first line to its first step, interrupted at one of its instructions.

    Args:
        at: After how many instructions.
        swallowed: Whether something swallows the exception.
    """

    FILES = (signals.__file__, contextlib.__file__, __file__)

    def __init__(self, at, swallowed):
        self._left, self._swallowed = at, swallowed
        self.asked = Signals()
        self.sent = self.ended = self.before = False
        self.began = self.stop = None

    def go(self):
        before = sys.gettrace()
        sys._getframe().f_trace_opcodes = True  # Python 3.12 looks for such a frame when tracing begins, not later
        sys.settrace(self._trace)
        try:
            self._walk()
        except KeyboardInterrupt:
            self.ended = True
        finally:
            sys.settrace(before)
        return self

    def _walk(self):
        with uninterrupted():
            pass
        with self.asked.noted(), self.asked.deferred(lambda text: None):
            self.began = True
            self.stop = self.asked.stop

    def _trace(self, frame, event, argument):
        if frame.f_code.co_filename not in self.FILES:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and not self.sent:
            self._left -= 1
            if self._left < 0:
                self.sent, self.before = True, self.began is None
                with contextlib.suppress(KeyboardInterrupt) if self._swallowed else contextlib.nullcontext():
                    interrupt()
        return self._trace


@pytest.mark.parametrize("swallowed", [False, True], ids=["raised", "swallowed"])
def test_no_instruction_on_the_way_to_the_first_step_loses_an_interrupt(swallowed):
    at, before = 0, handlers()
    while (way := Way(at, swallowed).go()).sent:
        assert way.ended or way.asked.stop == signal.SIGINT or signals.interrupted(), f"lost at instruction {at}"
        if way.before:
            assert way.ended or way.stop == signal.SIGINT, f"trained after an interrupt at instruction {at}"
        restore(before)
        at += 1
    assert at > 300
    assert not way.ended and way.stop is None


def test_batches_are_left_when_something_has_swallowed_an_interrupt():
    import keras
    import tensorflow as tf

    from deepcli.training.tensorflow_backend import TensorFlowBackend

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    backend = TensorFlowBackend(tf.distribute.get_strategy())
    x = np.zeros((8, 2), np.float32)
    assert backend.predict(model, x, 4).shape == (8, 1)
    in_a_library()
    with pytest.raises(KeyboardInterrupt):
        backend.predict(model, x, 4)
