"""Processes that train one run: how they find each other, what they exchange, and what they learn of each other's end."""

import contextlib
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from deepcli.errors import ProcessError, UsageError
from deepcli.system.agreed_signals import AgreedSignals
from deepcli.system.process_group import ALONE, ProcessGroup
from deepcli.system.rendezvous import ProcessPlace, host_and_port, join
from deepcli.system.signals import Stopped


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def joining(count, *, counts=None, indexes=None, facts=None, patience=5.0):
    """Let processes, here threads, join; return what each gets: its group, or an error."""
    address = free_address()
    counts, indexes, facts = counts or [count] * count, indexes or range(count), facts or [{}] * count

    def one(place, fact):
        try:
            return join(place, fact, print, patience)
        except (ProcessError, UsageError) as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        places = [ProcessPlace(address, count, index) for count, index in zip(counts, indexes, strict=True)]
        return list(pool.map(one, places, facts))


@contextlib.contextmanager
def groups(count):
    made = joining(count)
    try:
        yield made
    finally:
        for group in made:
            group.leave()


def everywhere(made, do):
    """Let all processes do something at the same time; return what each got, or its error."""

    def one(group):
        try:
            return do(group)
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(made)) as pool:
        return list(pool.map(one, made))


def test_all_processes_get_what_each_of_them_gives():
    with groups(3) as made:
        assert [(group.index, group.count, group.is_first) for group in made] == [
            (0, 3, True),
            (1, 3, False),
            (2, 3, False),
        ]
        assert everywhere(made, lambda group: group.exchange("numbers", group.index)) == [[0, 1, 2]] * 3
        assert everywhere(made, lambda group: group.agree("most", group.index, -group.index)) == [(2, 0)] * 3
        assert (
            everywhere(made, lambda group: group.shared("figures", {"loss": group.index + 0.1})) == [{"loss": 0.1}] * 3
        )


def test_every_process_gets_a_file_of_process_0_at_its_own_path_and_an_older_one_goes_away(tmp_path):
    content = bytes(range(256)) * 5000  # more than one part
    paths = [tmp_path / f"{index}" / "last.keras" for index in range(2)]
    with groups(2) as made:
        paths[0].parent.mkdir()
        paths[0].write_bytes(content)
        assert everywhere(made, lambda group: group.bring(paths[group.index])) == [True, True]
        assert paths[1].read_bytes() == content
        paths[0].unlink()
        assert everywhere(made, lambda group: group.bring(paths[group.index])) == [False, False]
        assert not paths[1].exists()


def test_a_process_alone_agrees_with_itself(tmp_path):
    assert ALONE.is_first and ALONE.agree("most", 3, 4) == (3, 4) and ALONE.shared("figures", {"a": 1}) == {"a": 1}
    assert not ALONE.bring(tmp_path / "nothing")
    error = ValueError()
    assert ALONE.explain(error) is error


def test_when_a_process_dies_all_others_learn_which_one_and_where_the_last_checkpoint_is():
    with groups(3) as made:
        made[0].on_loss(lambda: "the last checkpoint is there")
        made[2]._links[0]._stream.shutdown(socket.SHUT_RDWR)  # as the system does when a process is killed
        found = everywhere(made[:2], lambda group: group.exchange("signals", 0))
        assert all(isinstance(error, ProcessError) and error.exit_code == 1 for error in found)
        assert str(found[0]).startswith("process 2 of 3 (")
        assert str(found[0]).endswith("died; the last checkpoint is there")
        assert str(found[1]).startswith("process 2 of 3 (")
        other = ValueError("Gloo all-reduce failed")
        assert made[0].explain(other) is made[0].lost


def test_when_a_process_ends_with_an_error_the_others_end_with_it_and_with_its_exit_code():
    with groups(2) as made:
        made[1].leave("data/x.csv: no such file", 2)
        error = everywhere(made[:1], lambda group: group.exchange("data", {}))[0]
        assert error.exit_code == 2 and str(error).endswith("ended: data/x.csv: no such file")


def test_a_process_that_leaves_at_the_end_is_not_lost():
    with groups(2) as made:
        everywhere(made, lambda group: group.exchange("end", True))
        made[1].leave()
        made[0]._closed.wait(0.2)
        assert made[0].lost is None


def test_processes_at_different_points_are_a_fault_that_names_both():
    def meet(group):
        try:
            return group.exchange(f"point {group.index}", 0)
        except AssertionError as error:
            group.leave(str(error), 1)
            raise

    with groups(2) as made:
        found = everywhere(made, meet)
        assert "is at 'point 1', process 0 at 'point 0'" in str(found[0])
        assert isinstance(found[1], ProcessError) and "is at 'point 1'" in str(found[1])


def test_a_signal_to_one_process_stops_all_at_the_same_point_and_a_checkpoint_is_for_all():
    with groups(2) as made:
        signals = [AgreedSignals(group) for group in made]
        with signals[1].noted():
            signal.raise_signal(signal.SIGUSR1)
        assert not signals[1].checkpoint  # not before all know of it
        for _ in range(2):
            everywhere(made, lambda group: signals[group.index].check())
            assert [one.checkpoint for one in signals] == [True, True] and signals[0].stop is None
        for one in signals:
            one.checkpoint = False  # it is written
        everywhere(made, lambda group: signals[group.index].check())
        assert [one.checkpoint for one in signals] == [False, False]
        signals[1].stop = 15
        found = everywhere(made, lambda group: signals[group.index].check())
        assert all(isinstance(error, Stopped) for error in found) and [one.stop for one in signals] == [15, 15]


def test_a_signal_that_comes_while_the_processes_agree_holds_from_the_next_time():
    class Late(ProcessGroup):
        def exchange(self, topic, value):
            signals.stop = 15
            signals._ask_checkpoint(10, None)
            return [value]

    signals = AgreedSignals(Late())
    signals.check()
    assert signals.stop == 15 and not signals.checkpoint
    with pytest.raises(Stopped):
        signals.check()
    assert signals.checkpoint


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"facts": [{"keras": "3.15.1"}, {"keras": "3.16.0"}]},
            r"process 1 of 2 \(.*\) has keras 3.16.0, process 0 has",
        ),
        ({"counts": [2, 3]}, r"process 1 of 3 \(.*\) was started with --processes 3, process 0 with 2"),
    ],
)
def test_processes_that_do_not_belong_together_are_told_apart_everywhere(changes, text):
    found = joining(2, **changes)
    for error in found:
        assert isinstance(error, UsageError)
        with pytest.raises(UsageError, match=text):
            raise error


def test_a_number_that_was_given_twice_is_an_error_for_all():
    found = joining(3, indexes=[0, 1, 1])
    assert sum("--process 1 was given twice" in str(error) for error in found) >= 2


def test_process_0_names_who_has_not_come():
    address = free_address()
    with pytest.raises(ProcessError, match=r"processes 1, 2 of 3 did not connect to 127.0.0.1:\d+ within 0 seconds"):
        join(ProcessPlace(address, 3, 0), {}, print, 0.1)


def test_a_coordinator_that_does_not_answer_is_named_with_its_address():
    address = free_address()
    with pytest.raises(ProcessError, match=rf"the coordinator {address} has not answered for 0 seconds \(.+\); start"):
        join(ProcessPlace(address, 2, 1), {}, print, 0.1)


def test_an_address_in_use_is_an_error():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ProcessError, match=f"process 0 cannot listen at {address}: Address already in use"):
            join(ProcessPlace(address, 2, 0), {}, print, 0.1)


def test_strangers_at_the_door_are_sent_away():
    address, host = free_address(), "127.0.0.1"
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(join, ProcessPlace(address, 2, 0), {}, print, 5.0)
        while True:
            with contextlib.suppress(OSError), socket.create_connection((host, host_and_port(address)[1])) as stranger:
                stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
                break
        made = [pool.submit(join, ProcessPlace(address, 2, 1), {}, print, 5.0).result(), first.result()]
    for group in made:
        group.leave()


@pytest.mark.parametrize("address", ["node1", "node1:", ":80", "node1:70000", "node1:x"])
def test_an_address_needs_a_host_and_a_port(address):
    with pytest.raises(UsageError, match=r"--coordinator .*: write HOST:PORT"):
        ProcessPlace(address, 2, 0)


def test_a_place_is_one_of_the_processes():
    assert host_and_port("[::1]:80") == ("::1", 80)
    with pytest.raises(UsageError, match="--process: is 2; the 2 processes are counted from 0 to 1"):
        ProcessPlace("a:1", 2, 2)
    with pytest.raises(UsageError, match="--processes: is 0; at least 1"):
        ProcessPlace("a:1", 0, 0)
