"""What JAX compiled is kept on disk: whole, for this processor and this user only."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

if importlib.util.find_spec("jax") is None or sys.platform != "linux":
    pytest.skip("it is for JAX under Linux", allow_module_level=True)

import jax

from deepcli.training import jax_cache
from deepcli.training.jax_cache import CompiledEntries, keep_compiled, processor_key

ONE = "processor\t: {n}\nmodel name\t: A CPU\ncpu MHz\t\t: {mhz}\nflags\t\t: fpu {flags}\n\n"


@pytest.fixture
def set_up(monkeypatch):
    """Record what is given to JAX."""
    given: list[CompiledEntries] = []
    monkeypatch.setattr(jax_cache, "_use", given.append)
    monkeypatch.setattr(jax, "local_device_count", lambda: 1)  # which would set up JAX in this process
    return given


def test_entries_are_found_again_by_the_same_key_on_the_same_processor(tmp_path):
    entries = CompiledEntries(tmp_path, "a CPU 2")
    assert entries.get("step") is None
    entries.put("step", b"code")
    assert entries.get("step") == CompiledEntries(tmp_path, "a CPU 2").get("step") == b"code"
    assert CompiledEntries(tmp_path, "a CPU 1").get("step") is None and entries.get("other") is None


@pytest.mark.parametrize("damage", [lambda old: old[:-1], lambda old: b"", lambda old: old[:40] + b"x" + old[41:]])
def test_a_damaged_entry_is_none_and_is_replaced(tmp_path, damage):
    entries = CompiledEntries(tmp_path, "")
    entries.put("step", b"code that is longer")
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert entries.get("step") is None
    entries.put("step", b"code that is longer")
    assert entries.get("step") == b"code that is longer"


def test_what_was_used_longest_ago_makes_room(tmp_path, monkeypatch):
    monkeypatch.setattr(jax_cache, "MAX_BYTES", 2500)
    for number in range(4):
        CompiledEntries(tmp_path, "").put(f"step {number}", bytes(1000))
        for age, file in enumerate(sorted(tmp_path.iterdir(), key=lambda file: file.stat().st_mtime_ns, reverse=True)):
            os.utime(file, (1e9 - age, 1e9 - age))
    kept = [number for number in range(4) if CompiledEntries(tmp_path, "").get(f"step {number}")]
    assert kept == [1, 2, 3]


def test_a_disk_that_is_full_or_gone_does_not_matter(tmp_path):
    entries = CompiledEntries(tmp_path / "gone", "")
    entries.put("step", b"code")
    assert entries.get("step") is None


def test_the_processor_counts_by_its_instructions_and_not_by_its_clock(tmp_path):
    keys = []
    for number, (flags, mhz) in enumerate([("avx2", 2100), ("avx2", 900), ("avx512f", 2100)]):
        file = tmp_path / str(number)
        file.write_text("".join(ONE.format(n=n, mhz=mhz + n, flags=flags) for n in range(2)))
        keys.append(processor_key(file))
    assert keys[0] == keys[1] != keys[2] and "A CPU" in keys[0]
    (tmp_path / "odd").write_text("Machine: something else\n")
    assert processor_key(tmp_path / "odd") is None and processor_key(tmp_path / "nowhere") is None


def test_it_is_left_off_where_others_could_write_what_is_run(tmp_path, set_up, monkeypatch):
    monkeypatch.setenv("DEEPCLI_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(jax_cache, "OLDEST", (0, 0))
    keep_compiled(2)
    folder = tmp_path / "compiled/jax"
    assert len(set_up) == 1 and folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    keep_compiled(2)
    assert len(set_up) == 1
    folder.chmod(0o700)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    keep_compiled(2)
    assert len(set_up) == 1


def test_it_leaves_a_cache_of_the_users_own_alone(tmp_path, set_up):
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    try:
        keep_compiled(2)
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
    jax.config.update("jax_enable_compilation_cache", False)
    try:
        keep_compiled(2)
    finally:
        jax.config.update("jax_enable_compilation_cache", True)
    assert not set_up and not Path(os.environ["DEEPCLI_CACHE_DIR"], "compiled").exists()
