"""Which checkpoint answers: the one named, the user's newest, or the English model that ships with nextword."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support.cli import RunCLI

import nextword
from nextword.errors import CheckpointError
from nextword.storage.checkpoint import load_checkpoint
from nextword.storage.locations import ENGLISH, SUFFIX, english_checkpoint, find_checkpoint, newest_checkpoint


def test_the_checkpoint_named_goes_before_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home" / "data" / "nextword"
    monkeypatch.setattr("nextword.storage.locations.user_data_folder", lambda: home)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint()
    assert "nextword train" in caught.value.hint

    home.mkdir(parents=True)
    (home / "shared.safetensors").touch()
    assert find_checkpoint() == home / "shared.safetensors"

    here = Path("checkpoints")
    here.mkdir()
    (here / "README.md").touch()
    (here / "unfinished.resume.safetensors").touch()
    assert find_checkpoint() == home / "shared.safetensors"

    for age, name in enumerate(["newest", "newer", "older"]):
        (here / (name + SUFFIX)).touch()
        os.utime(here / (name + SUFFIX), (1e9 - age, 1e9 - age))
    os.utime(here / "unfinished.resume.safetensors", (2e9, 2e9))
    assert find_checkpoint() == here / "newest.safetensors"

    monkeypatch.setenv("NEXTWORD_CHECKPOINT", "elsewhere.safetensors")
    assert find_checkpoint() == Path("elsewhere.safetensors")
    assert find_checkpoint("mine.safetensors") == Path("mine.safetensors")


def test_the_english_model_answers_where_there_is_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home" / "data" / "nextword"
    monkeypatch.setattr("nextword.storage.locations.user_data_folder", lambda: home)
    monkeypatch.chdir(tmp_path)
    shipped = tmp_path / "installed" / ENGLISH
    monkeypatch.setenv("NEXTWORD_ENGLISH", str(shipped))
    assert find_checkpoint() == english_checkpoint() == shipped

    home.mkdir(parents=True)
    (home / "shared.safetensors").touch()
    assert find_checkpoint() == home / "shared.safetensors"
    assert english_checkpoint() == shipped


def test_in_a_checkout_what_the_user_trained_goes_before_the_english_model_though_it_is_older(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" / "data" / "nextword"
    monkeypatch.setattr("nextword.storage.locations.user_data_folder", lambda: home)
    monkeypatch.chdir(tmp_path)
    here = Path("checkpoints")
    here.mkdir()
    shipped = here.absolute() / ENGLISH
    shipped.touch()
    monkeypatch.setenv("NEXTWORD_ENGLISH", str(shipped))
    assert find_checkpoint() == shipped
    assert newest_checkpoint(here) == here / ENGLISH

    for folder in (home, here):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mine.safetensors").touch()
        os.utime(folder / "mine.safetensors", (1e9, 1e9))
        assert find_checkpoint() == folder / "mine.safetensors"


def test_an_english_model_of_the_users_own_is_one_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("checkpoints").mkdir()
    for folder in ("checkpoints", "installed"):
        Path(folder).mkdir(exist_ok=True)
        (Path(folder) / ENGLISH).touch()
    monkeypatch.setenv("NEXTWORD_ENGLISH", str(tmp_path / "installed" / ENGLISH))
    assert find_checkpoint() == Path("checkpoints", ENGLISH)


@pytest.mark.parametrize("place", ["nextword/checkpoints", "checkpoints"])
def test_the_english_model_is_found_in_the_package_and_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.delenv("NEXTWORD_ENGLISH")
    module = tmp_path / "nextword" / "storage" / "locations.py"
    monkeypatch.setattr("nextword.storage.locations.__file__", str(module))
    assert english_checkpoint() is None
    shipped = tmp_path / place / ENGLISH
    shipped.parent.mkdir(parents=True)
    shipped.touch()
    assert english_checkpoint() == shipped


def test_without_any_checkpoint_the_missing_english_model_is_named(run_cli: RunCLI) -> None:
    done = run_cli("predict", "Anna")
    assert (done.returncode, done.stdout) == (4, "")
    assert ENGLISH in done.stderr
    assert "nextword train" in done.stderr
    assert "install nextword again" in done.stderr


def test_a_damaged_english_model_is_named_and_the_users_own_answers_all_the_same(
    run_cli: RunCLI, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    shipped = tmp_path / "installed" / ENGLISH
    shipped.parent.mkdir()
    content = bytearray(tiny_checkpoint.read_bytes())
    content[-1] ^= 1
    shipped.write_bytes(content)
    done = run_cli("predict", "Anna", NEXTWORD_ENGLISH=str(shipped))
    assert (done.returncode, done.stdout) == (4, "")
    assert f"{shipped} is damaged" in done.stderr
    assert "Install nextword again" in done.stderr

    (tmp_path / "checkpoints").mkdir()
    shutil.copy(tiny_checkpoint, tmp_path / "checkpoints")
    done = run_cli("predict", "Anna", NEXTWORD_ENGLISH=str(shipped))
    assert (done.returncode, done.stderr) == (0, "")


def test_the_english_model_of_this_checkout_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEXTWORD_ENGLISH")
    shipped = english_checkpoint()
    if shipped is None:
        pytest.skip(f"{Path(nextword.__file__).parents[1]} has none")
    assert len(load_checkpoint(shipped).tokenizer) > 10_000
