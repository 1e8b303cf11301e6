"""Files as nextword leaves them: a checkpoint, a resume file, a checkpoint that is being replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.networks import network_config
from support.text import make_text

from nextword.config import TrainConfig
from nextword.errors import Interrupted
from nextword.model.language_model import RecurrentLanguageModel
from nextword.storage.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from nextword.text.tokenizer import WordTokenizer
from nextword.training.capture import restore_network
from nextword.training.events import Event, Step
from nextword.training.optimizer import make_optimizer
from nextword.training.resume import ResumePoint
from nextword.training.train import train


def a_checkpoint(seed: int = 0) -> Checkpoint:
    model = network_config(embedding_dim=2, hidden_size=3, num_layers=2)
    tokenizer = WordTokenizer.train(["we met Anna and Anna met us. I saw Peter and NASA"], min_count=2)
    numbers = np.random.default_rng(seed)
    shapes = model.parameter_shapes(len(tokenizer))
    tensors = {name: numbers.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return Checkpoint(model, tokenizer, tensors, {"steps": 3})


def a_resume_file(folder: Path) -> Path:
    """What a run of a small network leaves that is told to stop after its second step."""

    def stop(event: Event) -> None:
        if isinstance(event, Step) and event.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    text = folder / "text.txt"
    text.write_text(make_text(6), encoding="utf-8")
    settings = TrainConfig(batch_size=2, bptt=5, device="cpu", precision="fp32", out=str(folder), name="stopped")
    with pytest.raises(Interrupted):
        train(text, network_config(embedding_dim=2, hidden_size=3), settings, on_event=stop)
    return folder / "stopped.resume.safetensors"


_SAVING = """
import sys
from pathlib import Path
from nextword.storage.checkpoint import load_checkpoint, save_checkpoint
path, *others = map(Path, sys.argv[1:])
versions = [load_checkpoint(other) for other in others]
print("saving", flush=True)
while True:
    for version in versions:
        save_checkpoint(path, version)
"""


def seen_while_saving(folder: Path, loads: int) -> tuple[list[str], Counter[str]]:
    """How often this process reads which digest, while another one saves two checkpoints in turn; and their digests."""
    versions = [replace(a_checkpoint(seed), training={"note": "longer" * 1_000 * seed}) for seed in range(2)]
    paths = [folder / f"{name}.safetensors" for name in ("one", "first", "second")]
    digests = [save_checkpoint(path, version) for path, version in zip(paths[1:], versions, strict=True)]
    with subprocess.Popen([sys.executable, "-c", _SAVING, *paths], stdout=subprocess.PIPE) as saving:
        try:
            assert saving.stdout
            assert saving.stdout.readline()
            save_checkpoint(paths[0], versions[0])
            return digests, Counter(load_checkpoint(paths[0]).digest for _ in range(loads))
        finally:
            saving.kill()


def go_on_from(point: ResumePoint) -> RecurrentLanguageModel:
    """A network, with the random generators, set to what a resume file says."""
    model = RecurrentLanguageModel(point.model_config, len(point.tokenizer))
    optimizer = make_optimizer(point.config.optimizer, model, point.config.lr, point.config.clip)
    restore_network(point, model, optimizer, torch.device("cpu"))
    return model
