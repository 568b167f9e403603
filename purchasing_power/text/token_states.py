"""What a language model makes of every token of a window, kept on disk: each window is run once, ever."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from purchasing_power.atomic_folder import atomic_folder
from purchasing_power.text.checkpoint import Checkpoint

Window = Sequence[int]
DIGESTS, STARTS, STATES = "digests.npy", "starts.npy", "states.npy"
# Folder in a workspace.
KEPT = "token_states"
# Windows that a killed run loses at most.
BLOCK = 500
# Of a text of 80 tokens the states take a hundred times the bytes of its vector.
MOST_BYTES = 20_000_000_000
DRAFT_AGE_S = 3600


class TokenStates:
    """A folder of states by the digest of a window's token ids, for one model in one precision.

    It never holds a token or a text. A file is whole or not there, so that several processes may share the folder,
    and a killed one leaves nothing wrong behind; files that were not used for longest go beyond ``MOST_BYTES``.

    Parameters
    ----------
    folder
        Where the states of all models lie.
    key
        Names the model and its precision.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder / key

    @classmethod
    def of(cls, workspace: str, source: Checkpoint, half: bool) -> TokenStates:
        """The states of a model in a workspace; ``half`` says whether its products are in bfloat16."""
        return cls(Path(workspace, KEPT), f"{source.fingerprint()}-{half:d}")

    def get(
        self, windows: list[Window], run: Callable[[list[Window]], np.ndarray], progress: bool = False
    ) -> np.ndarray:
        """States of all tokens of windows, in their order: float16, shape (n_tokens, dimension).

        Parameters
        ----------
        run
            Gives this for windows that are not kept.
        """
        wanted = {_digest(window): window for window in windows}
        # Two processes that begin at different ends do not run the same windows.
        missing = sorted(wanted.keys() - self._known().keys(), reverse=os.getpid() % 2 == 1)
        with tqdm(total=len(missing), desc="token states", unit="text", disable=not progress) as bar:
            while missing:
                block, missing = missing[:BLOCK], missing[BLOCK:]
                self._put(block, run([wanted[one] for one in block]), [len(wanted[one]) for one in block])
                bar.update(len(block))
                known = self._known()
                left = [one for one in missing if one not in known]
                bar.update(len(missing) - len(left))
                missing = left
        return self._gathered(windows, run)

    def _gathered(self, windows: list[Window], run: Callable[[list[Window]], np.ndarray]) -> np.ndarray:
        known, parts = self._known(), []
        opened: dict[Path, np.ndarray] = {}
        for window in windows:
            path, start, end = known[_digest(window)]
            if path not in opened:
                opened[path] = np.load(path / STATES, mmap_mode="r", allow_pickle=False)
                with suppress(OSError):
                    os.utime(path)
            parts.append(opened[path][start:end])
        return np.concatenate(parts) if parts else run([])

    def _known(self) -> dict[bytes, tuple[Path, int, int]]:
        """Where the states of each digest lie: folder, first row and row after the last."""
        found: dict[bytes, tuple[Path, int, int]] = {}
        for path in sorted(self.folder.glob("block-*")):
            digests, starts = np.load(path / DIGESTS), np.load(path / STARTS)
            for digest, start, end in zip(digests, starts[:-1], starts[1:], strict=True):
                found[digest.tobytes()] = (path, int(start), int(end))
        return found

    def _put(self, digests: list[bytes], states: np.ndarray, lengths: list[int]) -> None:
        name = hashlib.sha256(b"".join(digests)).hexdigest()[:16]
        with atomic_folder(self.folder / f"block-{name}") as draft:
            np.save(draft / STATES, states)
            np.save(draft / DIGESTS, np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32))
            np.save(draft / STARTS, np.concatenate([[0], np.cumsum(lengths)]))
        self._prune()

    def _prune(self) -> None:
        held, now = 0, time.time()
        with suppress(FileNotFoundError):
            for path in sorted(self.folder.parent.glob("*/*"), key=lambda one: -one.stat().st_mtime):
                held += sum(file.stat().st_size for file in path.iterdir())
                old_draft = path.name.startswith(".") and now - path.stat().st_mtime > DRAFT_AGE_S
                if held > MOST_BYTES or old_draft:
                    shutil.rmtree(path, ignore_errors=True)


def _digest(window: Window) -> bytes:
    return hashlib.sha256(np.asarray(window, np.int32).tobytes()).digest()
