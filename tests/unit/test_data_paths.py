"""Which words of a command line are own data, and which are specs."""

import pytest

from deepcli.api.data_paths import is_data_path, joined_path
from deepcli.errors import UsageError


@pytest.mark.parametrize(
    ("name", "content", "is_data"),
    [
        ("a.yaml", "[]", False),
        ("a.YML", "", False),
        ("a.json", '{"model": "cnn"}', False),
        ("a.json", '\ufeff \n[{"a": 1}]', True),
        ("a.json", "", False),
        ("a.csv", "", True),
        ("a.csv.gz", "", True),
        ("photos.zip", "", True),
        ("photos.tar.gz", "", True),
        ("a.h5", "", True),
        ("a", "", False),
    ],
)
def test_a_file_is_data_by_its_name_and_a_json_file_by_its_first_character(tmp_path, name, content, is_data):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert is_data_path(tmp_path / name) is is_data
    assert is_data_path(str(tmp_path / name)) is is_data


def test_a_folder_is_data_and_what_does_not_exist_is_data_by_its_name(tmp_path):
    assert is_data_path(tmp_path)
    assert is_data_path(tmp_path / "gone.csv")
    assert not is_data_path(tmp_path / "gone.json")
    assert not is_data_path("x" * 10_000)
    assert not is_data_path({"model": "cnn"})


def test_files_of_one_table_have_a_pattern(tmp_path):
    for name in ("a_train.tsv", "a_test.tsv", "b_dev.tsv"):
        (tmp_path / name).touch()
    assert joined_path([str(tmp_path / "a_train.tsv"), str(tmp_path / "a_test.tsv")]) == str(tmp_path / "a_t*.tsv")
    with pytest.raises(UsageError, match="give one folder, one file"):
        joined_path([str(tmp_path / "a_train.tsv"), str(tmp_path / "b_dev.tsv")])
