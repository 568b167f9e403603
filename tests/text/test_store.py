from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from purchasing_power.errors import DataError
from purchasing_power.text import shards
from purchasing_power.text import store as module
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.store import VectorStore, prune, vectors

MODEL = "0123456789abcdef"
KEY = f"{MODEL}-float32"
WRITER = """
import sys, numpy as np
from purchasing_power.text.store import VectorStore
store = VectorStore(sys.argv[1])
for shard in range(int(sys.argv[2]), int(sys.argv[3])):
    numbers = range(10 * shard, 10 * shard + 10)
    values = np.repeat(np.arange(10.0)[:, None] + 10 * shard, 8, 1)
    store.put("0123456789abcdef-float32", [f"text {n}" for n in numbers], values)
"""


class CountingEncoder(Encoder):
    """Stands for a model: a text's vector is its length; what was encoded is written down."""

    def __init__(self, size_mb: float = 1) -> None:
        self.store_key, self._size_mb = f"{MODEL}-float32", size_mb
        self.seen: list[str] = []

    @property
    def size_mb(self) -> float:
        return self._size_mb

    @property
    def dimension(self) -> int:
        return 3

    def encode(self, texts: Sequence[str], progress: bool = False) -> np.ndarray:
        self.seen.extend(texts)
        return np.repeat(np.asarray([len(text) for text in texts], np.float32)[:, None], 3, axis=1)


def _write(folder: Path, first: int, end: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(first), str(end)])


def _numbered(folder: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    return VectorStore(folder).get(KEY, [f"text {n}" for n in range(count)])


@pytest.fixture(params=["folder", "memory"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path, new_process: None) -> VectorStore:
    return VectorStore(tmp_path / "store" if request.param == "folder" else None)


def test_what_was_put_is_found_and_the_rest_is_missing(any_store: VectorStore) -> None:
    any_store.put(KEY, ["a", "b"], np.array([[1, 2], [3, 4]]))
    found, missing = any_store.get(KEY, ["b", "c", "a"])
    assert found.tolist() == [[3, 4], [0, 0], [1, 2]]
    assert missing.tolist() == [1]


def test_an_empty_store_misses_everything_and_makes_no_folder(tmp_path: Path) -> None:
    found, missing = VectorStore(tmp_path / "store").get(KEY, ["a"])
    assert (found.shape, missing.tolist()) == ((1, 0), [0])
    assert not (tmp_path / "store").exists()


def test_another_model_finds_nothing(any_store: VectorStore) -> None:
    any_store.put(KEY, ["a"], np.ones((1, 2)))
    for other in ("fedcba9876543210-float32", f"{MODEL}-bfloat16"):
        assert any_store.get(other, ["a"])[1].tolist() == [0]


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
    monkeypatch.setattr(module, "_BACKENDS", {})
    encoder = CountingEncoder()
    assert vectors(encoder, texts, VectorStore(tmp_path))[:, 0].tolist() == [len(text) for text in texts]
    assert encoder.seen == []


def test_a_kill_while_encoding_loses_one_chunk_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    warm.put(KEY, ["milk"], np.full((1, 3), 4.0))
    (shard,) = (tmp_path / "warm").rglob("*.safetensors")
    os.utime(shard, (1, 1))
    before = sorted((tmp_path / "warm").rglob("*"))
    encoder = CountingEncoder()
    assert vectors(encoder, ["bread", "milk"], store, warm=warm)[:, 0].tolist() == [5, 4]
    assert encoder.seen == ["bread"]
    assert sorted((tmp_path / "warm").rglob("*")) == before
    assert shard.stat().st_mtime == 1


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


def test_processes_killed_while_writing_and_joining_leave_no_wrong_vector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0
    for _ in range(3):
        writer = _write(tmp_path, written, 1_000_000)
        deadline = time.monotonic() + 60
        while len(VectorStore(tmp_path).get(KEY, [f"text {10 * (written + 25)}"])[1]):
            assert time.monotonic() < deadline
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        written += 25
    monkeypatch.setattr(module, "_BACKENDS", {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, missing = _numbered(tmp_path, 10 * written)
    assert not len(missing), "what a writer had put is gone"
    assert (found == np.arange(10 * written)[:, None]).all()


def test_a_shard_gets_its_name_only_once_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def power_cut(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", power_cut)
    with pytest.raises(KeyboardInterrupt):
        VectorStore(tmp_path).put(KEY, ["a"], np.ones((1, 2)))
    assert not list(tmp_path.rglob("*.safetensors"))
    assert VectorStore(tmp_path).get(KEY, ["a"])[1].tolist() == [0]


def _spoil(shard: Path, damage: str) -> None:
    content = bytearray(shard.read_bytes())
    length = int.from_bytes(content[:8], "little")
    vectors = json.loads(content[8 : 8 + length])["vectors"]["data_offsets"]
    content[8 + length + vectors[0] + 2] ^= 0x40
    shard.write_bytes({"truncated": content[:-5], "empty": b"", "flipped": content, "text": b"x" * 99}[damage])


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "text"])
def test_a_damaged_shard_is_passed_over_and_encoded_again(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors(CountingEncoder(), ["milk"], VectorStore(tmp_path))
    vectors(CountingEncoder(), ["bread"], VectorStore(tmp_path))
    _spoil(next(tmp_path.rglob("*.safetensors")), damage)
    monkeypatch.setattr(module, "_BACKENDS", {})
    encoder = CountingEncoder()
    with pytest.warns(UserWarning, match="encoded again"):
        found = vectors(encoder, ["milk", "bread"], VectorStore(tmp_path))
    assert found[:, 0].tolist() == [4, 5]
    assert len(encoder.seen) == 1


def test_one_damaged_vector_spoils_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["x" * length for length in range(10)]
    vectors(CountingEncoder(), texts, VectorStore(tmp_path))
    _spoil(next(tmp_path.rglob("*.safetensors")), "flipped")
    monkeypatch.setattr(module, "_BACKENDS", {})
    with pytest.warns(UserWarning, match="checksum"):
        found, missing = VectorStore(tmp_path).get(KEY, texts)
    assert len(missing) == 1
    known = np.setdiff1d(np.arange(10), missing)
    assert (found[known] == known[:, None]).all()


def test_a_store_in_half_precision_gives_at_once_what_it_gives_later(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    for name, store in (("folder", VectorStore(tmp_path, "float16")), ("memory", VectorStore(None, "float16"))):
        put = store.put(KEY, list("abcd"), values)
        assert put.dtype == np.float32
        np.testing.assert_allclose(put, values, rtol=1e-3, err_msg=name)
        assert (put != values).any()
        np.testing.assert_array_equal(store.get(KEY, list("abcd"))[0], put)
    assert VectorStore(tmp_path).get(KEY, ["a"])[0].tolist() == put[:1].tolist()


def test_the_run_that_encodes_gives_what_a_later_run_reads(tmp_path: Path, new_process: None) -> None:
    class Third(CountingEncoder):
        def encode(self, texts: Sequence[str], progress: bool = False) -> np.ndarray:
            return super().encode(texts) / 3

    for dtype in ("float32", "float16"):
        first = vectors(Third(), ["a", "milk"], VectorStore(tmp_path / dtype, dtype))
        np.testing.assert_array_equal(vectors(Third(), ["a", "milk"], VectorStore(tmp_path / dtype, dtype)), first)


def test_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(DataError, match="got 'int8'; allowed are float32, float16"):
        VectorStore(None, "int8")


def test_small_shards_are_joined_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(100):
        dtype = "float16" if number % 3 else "float32"
        VectorStore(tmp_path, dtype).put(KEY, [f"text {number}"], np.full((1, 4), float(number)))
    assert len(list(tmp_path.rglob("*.safetensors"))) < 2 * shards.MANY_SHARDS
    for _ in range(2):
        found, missing = _numbered(tmp_path, 100)
        assert not len(missing)
        assert (found == np.arange(100)[:, None]).all()
        monkeypatch.setattr(module, "_BACKENDS", {})


def test_a_shard_that_is_large_enough_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "FULL_BYTES", 100)
    store = VectorStore(tmp_path)
    store.put(KEY, [f"large {n}" for n in range(10)], np.ones((10, 4)))
    large = next(tmp_path.rglob("*.safetensors"))
    for number in range(40):
        store.put(KEY, [f"text {number}"], np.full((1, 4), float(number)))
    assert large.exists()
    assert not len(_numbered(tmp_path, 40)[1])


def test_a_large_models_texts_are_written_more_often(tmp_path: Path) -> None:
    texts = [f"text {n}" for n in range(1000)]
    for size_mb, count in ((1, 1), (200, 2), (5000, 8)):
        vectors(CountingEncoder(size_mb), texts, VectorStore(tmp_path / str(size_mb)))
        assert len(list((tmp_path / str(size_mb)).rglob("*.safetensors"))) == count


def _aged(folder: Path, ages: dict[str, float]) -> None:
    """Put one shard of about a tenth of a megabyte for each text, last used so many seconds ago."""
    for text, age in ages.items():
        before = set(folder.rglob("*.safetensors"))
        VectorStore(folder).put(KEY, [text], np.ones((1, 25_000)))
        (new,) = set(folder.rglob("*.safetensors")) - before
        os.utime(new, (time.time() - age,) * 2)


def _held(folder: Path, texts: str) -> str:
    missing = VectorStore(folder).get(KEY, list(texts))[1]
    return "".join(text for at, text in enumerate(texts) if at not in missing)


def test_pruning_takes_the_least_recently_used_shards_until_the_size_is_kept(tmp_path: Path) -> None:
    _aged(tmp_path, {"a": 3000, "b": 5000, "c": 4000, "d": 2000})
    assert prune(tmp_path, 1) == 0
    # Looking b up makes it the most recently used.
    assert _held(tmp_path, "b") == "b"
    assert prune(tmp_path, 0.25) == pytest.approx(0.2, abs=0.01)
    assert _held(tmp_path, "abcd") == "bd"
    prune(tmp_path, 0)
    assert _held(tmp_path, "abcd") == ""
    assert prune(tmp_path / "nothing", 1) == 0
    with pytest.raises(DataError, match="max_mb: got -1"):
        prune(tmp_path, -1)


def test_a_reader_goes_on_while_shards_are_pruned_and_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "MANY_SHARDS", 3)
    texts = [f"text {n}" for n in range(60)]
    stop = threading.Event()

    def put_and_prune() -> None:
        while not stop.is_set():
            for start in range(0, 60, 5):
                values = np.repeat(np.arange(start, start + 5.0)[:, None], 8, 1)
                VectorStore(tmp_path).put(KEY, texts[start : start + 5], values)
            prune(tmp_path, 0.001)

    writer = threading.Thread(target=put_and_prune)
    writer.start()
    try:
        seen = rounds = 0
        while rounds < 60 or (seen < 100 and rounds < 10_000):
            rounds += 1
            monkeypatch.setattr(module, "_BACKENDS", {})
            found, missing = VectorStore(tmp_path).get(KEY, texts)
            known = np.setdiff1d(np.arange(60), missing)
            assert (found[known] == known[:, None]).all()
            seen += len(known)
    finally:
        stop.set()
        writer.join()
    assert seen >= 100


def test_a_look_up_reads_what_it_needs_not_the_whole_store(tmp_path: Path, new_process: None) -> None:
    code = (
        "import sys, resource, numpy as np; from purchasing_power.text.store import VectorStore;"
        "store = VectorStore(sys.argv[1]); store.get(sys.argv[2], ['none']);"
        "now = lambda: int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize() / 1e6;"
        "before = now(); found, missing = store.get(sys.argv[2], ['text 7', 'text 19000']);"
        "assert not len(missing) and found[1, 0] == 19000; print(now() - before)"
    )
    values = np.repeat(np.arange(20_000, dtype=np.float32)[:, None], 500, 1)
    VectorStore(tmp_path).put(KEY, [f"text {n}" for n in range(20_000)], values)
    done = subprocess.run([sys.executable, "-c", code, tmp_path, KEY], check=True, capture_output=True, text=True)
    assert float(done.stdout) < 5, "the shard has 40 MB"


def test_drafts_of_a_killed_process_are_swept_when_they_are_old(tmp_path: Path) -> None:
    folder = tmp_path / KEY
    folder.mkdir()
    for name, age in (("old", 2 * shards.DRAFT_AGE_S), ("young", 0)):
        (folder / f"{name}.draft").write_bytes(b"half")
        os.utime(folder / f"{name}.draft", (time.time() - age,) * 2)
    VectorStore(tmp_path).put(KEY, ["a"], np.ones((1, 2)))
    assert [path.name for path in folder.glob("*.draft")] == ["young.draft"]


def test_vectors_in_memory_stay_bounded(monkeypatch: pytest.MonkeyPatch, new_process: None) -> None:
    monkeypatch.setattr(module, "MEMORY_ROWS", 10)
    for start in range(0, 100, 4):
        texts = ["x" * n for n in range(start, start + 4)]
        assert vectors(CountingEncoder(), texts, VectorStore(None))[:, 0].tolist() == [len(t) for t in texts]
    many = ["x" * n for n in range(25)]
    assert vectors(CountingEncoder(), many, VectorStore(None))[:, 0].tolist() == list(range(25))
    assert len(module._BACKENDS[(None, KEY)].rows) <= 10
