from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from purchasing_power.text import store as module
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.store import VectorStore, vectors

MODEL = "0123456789abcdef"
WRITER = """
import sys, numpy as np
from purchasing_power.text.store import VectorStore
store = VectorStore(sys.argv[1])
for shard in range(int(sys.argv[2]), int(sys.argv[3])):
    numbers = range(10 * shard, 10 * shard + 10)
    values = np.repeat(np.arange(10.0)[:, None] + 10 * shard, 8, 1)
    store.put("0123456789abcdef", [f"text {n}" for n in numbers], values)
"""


class CountingEncoder(Encoder):
    """Stands for a model: a text's vector is its length; what was encoded is written down."""

    def __init__(self, fingerprint: str = MODEL) -> None:
        self.fingerprint = fingerprint
        self.seen: list[str] = []

    @property
    def dimension(self) -> int:
        return 3

    def encode(self, texts: Sequence[str], progress: bool = False) -> np.ndarray:
        self.seen.extend(texts)
        return np.repeat(np.asarray([len(text) for text in texts], np.float32)[:, None], 3, axis=1)


def _write(folder: Path, first: int, end: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(first), str(end)])


def _numbered(folder: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    return VectorStore(folder).get(MODEL, [f"text {n}" for n in range(count)])


@pytest.fixture(params=["folder", "memory"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path, new_process: None) -> VectorStore:
    return VectorStore(tmp_path / "store" if request.param == "folder" else None)


def test_what_was_put_is_found_and_the_rest_is_missing(any_store: VectorStore) -> None:
    any_store.put(MODEL, ["a", "b"], np.array([[1, 2], [3, 4]]))
    found, missing = any_store.get(MODEL, ["b", "c", "a"])
    assert found.tolist() == [[3, 4], [0, 0], [1, 2]]
    assert missing.tolist() == [1]


def test_an_empty_store_misses_everything_and_makes_no_folder(tmp_path: Path) -> None:
    found, missing = VectorStore(tmp_path / "store").get(MODEL, ["a"])
    assert (found.shape, missing.tolist()) == ((1, 0), [0])
    assert not (tmp_path / "store").exists()


def test_another_model_finds_nothing(any_store: VectorStore) -> None:
    any_store.put(MODEL, ["a"], np.ones((1, 2)))
    assert any_store.get("fedcba9876543210", ["a"])[1].tolist() == [0]


def test_each_distinct_text_is_encoded_once(any_store: VectorStore) -> None:
    encoder = CountingEncoder()
    texts = ["milk", "bread", "milk", "", "很好 😀", "bread"]
    first = vectors(encoder, texts, any_store)
    assert first[:, 0].tolist() == [4, 5, 4, 0, 4, 5]
    second = vectors(encoder, [*texts[::-1], "new"], any_store)
    assert second[:, 0].tolist() == [5, 4, 0, 4, 5, 4, 3]
    assert sorted(encoder.seen) == sorted({*texts, "new"})


def test_a_new_process_finds_what_an_old_one_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"text {n}" for n in range(25)]
    monkeypatch.setattr(module, "CHUNK", 10)
    vectors(CountingEncoder(), texts, VectorStore(tmp_path))
    monkeypatch.setattr(module, "_SHELVES", {})
    encoder = CountingEncoder()
    assert vectors(encoder, texts, VectorStore(tmp_path))[:, 0].tolist() == [len(text) for text in texts]
    assert encoder.seen == []


def test_a_kill_while_encoding_loses_one_chunk_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(CountingEncoder):
        def encode(self, texts: Sequence[str], progress: bool = False) -> np.ndarray:
            if len(self.seen) >= 20:
                raise KeyboardInterrupt
            return super().encode(texts)

    texts = [f"text {n}" for n in range(35)]
    monkeypatch.setattr(module, "CHUNK", 10)
    with pytest.raises(KeyboardInterrupt):
        vectors(Killed(), texts, VectorStore(tmp_path))
    encoder = CountingEncoder()
    vectors(encoder, texts, VectorStore(tmp_path))
    assert len(encoder.seen) == 15


def test_a_warm_store_is_read_and_never_written(tmp_path: Path, new_process: None) -> None:
    warm, store = VectorStore(tmp_path / "warm"), VectorStore(tmp_path / "store")
    warm.put(MODEL, ["milk"], np.full((1, 3), 4.0))
    before = sorted((tmp_path / "warm").rglob("*"))
    encoder = CountingEncoder()
    assert vectors(encoder, ["bread", "milk"], store, warm=warm)[:, 0].tolist() == [5, 4]
    assert encoder.seen == ["bread"]
    assert sorted((tmp_path / "warm").rglob("*")) == before


def test_the_store_never_holds_the_text(tmp_path: Path) -> None:
    secret = "my very private sentence 我的秘密"
    vectors(CountingEncoder(), [secret], VectorStore(tmp_path))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        for part in ("private", "秘密"):
            assert part.encode() not in path.read_bytes()
            assert part not in str(path)


def test_two_processes_may_write_at_once(tmp_path: Path, new_process: None) -> None:
    writers = [_write(tmp_path, 0, 20), _write(tmp_path, 10, 30)]
    while any(writer.poll() is None for writer in writers):
        found, missing = _numbered(tmp_path, 300)
        known = np.setdiff1d(np.arange(300), missing)
        assert (found[known] == known[:, None]).all()
    assert [writer.returncode for writer in writers] == [0, 0]
    found, missing = _numbered(tmp_path, 300)
    assert not len(missing)
    assert (found == np.arange(300)[:, None]).all()


def test_a_process_killed_while_writing_leaves_no_wrong_vector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = _write(tmp_path, 0, 1_000_000)
    folder = tmp_path / MODEL
    deadline = time.monotonic() + 60
    while not folder.is_dir() or len(os.listdir(folder)) < 20:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    monkeypatch.setattr(module, "_SHELVES", {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, missing = _numbered(tmp_path, 100)
    known = np.setdiff1d(np.arange(100), missing)
    assert len(known) >= 50
    assert (found[known] == known[:, None]).all()


def test_a_shard_gets_its_name_only_once_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def power_cut(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", power_cut)
    with pytest.raises(KeyboardInterrupt):
        VectorStore(tmp_path).put(MODEL, ["a"], np.ones((1, 2)))
    assert not list(tmp_path.rglob("*.safetensors"))
    assert VectorStore(tmp_path).get(MODEL, ["a"])[1].tolist() == [0]


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped"])
def test_a_damaged_shard_is_passed_over_and_encoded_again(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors(CountingEncoder(), ["milk"], VectorStore(tmp_path))
    vectors(CountingEncoder(), ["bread"], VectorStore(tmp_path))
    shard = next(tmp_path.rglob("*.safetensors"))
    content = bytearray(shard.read_bytes())
    content[-1] ^= 0x40
    shard.write_bytes({"truncated": content[:-5], "empty": b"", "flipped": content}[damage])
    monkeypatch.setattr(module, "_SHELVES", {})
    encoder = CountingEncoder()
    with pytest.warns(UserWarning, match="encoded again"):
        found = vectors(encoder, ["milk", "bread"], VectorStore(tmp_path))
    assert found[:, 0].tolist() == [4, 5]
    assert len(encoder.seen) == 1


def test_drafts_of_a_killed_process_are_swept_when_they_are_old(tmp_path: Path) -> None:
    folder = tmp_path / MODEL
    folder.mkdir()
    for name, age in (("old", 2 * module.DRAFT_AGE_S), ("young", 0)):
        (folder / f"{name}.draft").write_bytes(b"half")
        os.utime(folder / f"{name}.draft", (time.time() - age,) * 2)
    VectorStore(tmp_path).put(MODEL, ["a"], np.ones((1, 2)))
    assert [path.name for path in folder.glob("*.draft")] == ["young.draft"]


def test_vectors_in_memory_stay_bounded(monkeypatch: pytest.MonkeyPatch, new_process: None) -> None:
    monkeypatch.setattr(module, "MEMORY_ROWS", 10)
    for start in range(0, 100, 4):
        texts = ["x" * n for n in range(start, start + 4)]
        assert vectors(CountingEncoder(), texts, VectorStore(None))[:, 0].tolist() == [len(t) for t in texts]
    many = ["x" * n for n in range(25)]
    assert vectors(CountingEncoder(), many, VectorStore(None))[:, 0].tolist() == list(range(25))
    assert len(module._SHELVES[(None, MODEL)].rows) <= 10
