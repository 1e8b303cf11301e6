"""What is noted about a run: in its checkpoint, in its resume file, and for those who watch it begin."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nextword.about import __version__
from nextword.errors import CorpusError, UsageError
from nextword.model.device import format_name
from nextword.model.language_model import RecurrentLanguageModel
from nextword.storage.checkpoint import Checkpoint
from nextword.storage.locations import SUFFIX, shell_word
from nextword.text.sources import STDIN, is_pipe, source_name
from nextword.training.events import Prepared
from nextword.training.prepare import Setup
from nextword.training.resume import SOURCE, Environment, RunFacts, resume_command


def _environment(setup: Setup) -> Environment:
    """Where this process runs."""
    return Environment(
        nextword=__version__,
        torch=str(torch.__version__),
        python=platform.python_version(),
        device=str(setup.device),
        precision=format_name(setup.dtype),
        threads=torch.get_num_threads(),
    )


def text_facts(setup: Setup) -> dict[str, Any]:
    """The fields of `RunFacts` that say what a run began with, which does not change while it goes on."""
    plan, text = setup.plan, setup.text
    return {
        "environment": _environment(setup),
        "corpus": [_noted(path) for path in plan.corpus],
        "valid": [_noted(path) for path in plan.valid] if plan.valid else None,
        "files": text.files,
        "corpus_sha256": text.digest,
        "validation_sha256": _digest(text.validation.ids),
        "started_from": _origin(setup),
    }


def check_same_run(setup: Setup, facts: RunFacts, processes: int) -> None:
    """Refuse to go on with an unfinished run unless it had this text and so many processes.

    Raises:
        CorpusError: The text is not the one that it read; the message names the files that changed.
        UsageError: It had more processes, or fewer.
    """
    path, digests = setup.plan.checkpoint, (setup.text.digest, _digest(setup.text.validation.ids))
    if digests != (facts.corpus_sha256, facts.validation_sha256):
        then, now = facts.files, setup.text.files
        files = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
        named = ", ".join(files or map(source_name, setup.plan.corpus))
        raise CorpusError(
            f"the text is not the one that the unfinished run read: {named}",
            f"Put the text back, or go on on the new one when this run is finished: --from {shell_word(str(path))}",
        )
    if facts.processes != processes:
        reason = f"the unfinished run has {facts.processes} processes and cannot go on with {processes}"
        command = resume_command(path, setup.config.out, facts.processes)
        raise UsageError(reason, f"Go on with: {command}")


def prepared_event(setup: Setup, step: int, progress: float) -> Prepared:
    """The event that says what is about to be trained, and from where."""
    text, point = setup.text, setup.plan.point
    return Prepared(
        path=setup.plan.checkpoint,
        documents=text.documents,
        training_tokens=len(text.training),
        validation_tokens=len(text.validation),
        vocabulary_size=len(text.tokenizer),
        unknown_rate=text.unknown_rate,
        parameters=sum(parameter.numel() for parameter in setup.model.parameters()),
        device=str(setup.device),
        precision=format_name(setup.dtype),
        notes=setup.notes + (_changes(setup, point.facts.environment) if point else []),
        step=step,
        progress=progress,
    )


def make_checkpoint(setup: Setup, steps: int, tokens_seen: int, perplexity: float) -> Checkpoint:
    """The model as it is now, with its story."""
    text = setup.text
    training = {
        "corpus": setup.plan.checkpoint.name.removesuffix(SUFFIX),
        "corpus_sha256": text.digest,
        "documents": text.documents,
        "training_tokens": len(text.training),
        "validation_tokens": len(text.validation),
        "unknown_rate": text.unknown_rate,
        "tokens_seen": tokens_seen,
        "steps": steps,
        "validation_perplexity": perplexity,
        "precision": format_name(setup.dtype),
        "settings": {k: v for k, v in asdict(setup.config).items() if k not in ("name", "out", "force")},
        "versions": {"nextword": __version__, "torch": torch.__version__, "python": platform.python_version()},
    }
    if started_from := _origin(setup):
        training["started_from"] = started_from
    return Checkpoint(setup.model.config, text.tokenizer, _parameters(setup.model), training)


def _changes(setup: Setup, then: Environment) -> list[str]:
    """A sentence that says what is not as it was when the resume file was written, if anything is not."""
    before, now = asdict(then), asdict(_environment(setup))
    if setup.config.minutes is not None:
        before["threads"] = now["threads"]  # chosen by the clock in any case
    changed = [f"{name} was {before[name]} and is {now[name]}" for name in now if before[name] != now[name]]
    return [f"Resumed, but not bit for bit as it would have gone on: {'; '.join(changed)}."] if changed else []


def _parameters(model: RecurrentLanguageModel) -> dict[str, NDArray[np.float32]]:
    """The weights by name; a tied output matrix is in the state_dict twice, and here once."""
    state = model.state_dict()
    names = model.config.parameter_shapes(model.embedding.num_embeddings)
    return {name: state[name].float().cpu().numpy() for name in names}


def source_weights(setup: Setup) -> dict[str, NDArray[np.float32]]:
    """The weights, by name, of the network that the run started from, if any."""
    if setup.plan.point is not None:
        tensors = setup.plan.point.tensors
        return {name.removeprefix(SOURCE): tensors[name] for name in tensors if name.startswith(SOURCE)}
    return dict(setup.plan.source.tensors) if setup.plan.source else {}


def _origin(setup: Setup) -> str | None:
    """Digest of the checkpoint that the run started from, if any."""
    if setup.plan.point is not None:
        return setup.plan.point.facts.started_from
    return setup.plan.source.digest if setup.plan.source else None


def _digest(ids: NDArray[np.int32]) -> str:
    """SHA-256 of a text's ids."""
    return hashlib.sha256(np.ascontiguousarray(ids).data).hexdigest()


def _noted(path: Path) -> str:
    """How a text's path stands in a resume file; all pipes are one, as none can be opened again."""
    return str(STDIN if is_pipe(path) else path.resolve())
