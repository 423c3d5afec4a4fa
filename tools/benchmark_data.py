"""How fast text becomes batches, and in how much memory: `python tools/benchmark.py data`.

Each measurement runs in a process of its own, because a process never forgets its peak memory.
Memory is counted from before the text exists, so the text itself is part of it.
"""

from __future__ import annotations

import json
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psutil
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from intro_lm import data

MB = 1_000_000
SIZES = (1, 10, 100)  # MB of text to encode
STREAMED = 1000  # MB of text to stream
MARKS = (10, 100, 500, STREAMED)  # MB after which the peak is noted
WORDS = 20_000


def peak_memory() -> int:
    """The most resident memory that this process ever had, in bytes."""
    # Only Linux has this. `ru_maxrss` may be the parent's, handed down by fork.
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024


@cache
def one_megabyte() -> str:
    """Made-up words, the first ones often, in lines of about 60 characters."""
    chance = random.Random(0)
    letters = "etaoinshrdlucmfw"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(WORDS)]
    often = [1 / (rank + 1) for rank in range(WORDS)]
    chosen = chance.choices(words, often, k=MB // 4)
    lines = [" ".join(chosen[first : first + 10]) for first in range(0, len(chosen), 10)]
    return "\n".join(lines)[:MB]


def megabytes_of_text(count: int) -> Iterator[str]:
    """`count` texts of 1 MB: the same words, each time from another beginning."""
    base, chance = one_megabyte(), random.Random(1)
    for _ in range(count):
        start = chance.randrange(MB)
        yield base[start:] + base[:start]


def vocabulary_of(kind: str) -> data.AnyVocabulary:
    sample = list(megabytes_of_text(1))
    if kind == "characters":
        return data.Vocabulary.from_texts(sample)
    return data.Subwords.from_texts(sample, 1000)


def encode(kind: str, size: int, repeats: int) -> dict[str, float]:
    """Encode one text of `size` MB: MB a second, and the peak memory in MB."""
    vocabulary = vocabulary_of(kind)
    vocabulary.encode("tea\n")  # so that what is made only once is there
    before = psutil.Process().memory_info().rss
    text = "".join(megabytes_of_text(size))
    seconds = []
    for _ in range(repeats * max(1, 10 // size)):  # the quickest need more repeats
        start = time.perf_counter()
        vocabulary.encode(text)
        seconds.append(time.perf_counter() - start)
    return {"speed": size / statistics.median(seconds), "memory": (peak_memory() - before) / MB}


def batches_of(
    lines: list[str], vocabulary: data.AnyVocabulary, into: str, seed: int
) -> data.Batches:
    if into == "windows":
        windows = data.context_windows(vocabulary, lines, 3)
        return data.WindowBatches(*windows, batch_size=8192, seed=seed)
    if into == "padded":
        return data.PaddedBatches.from_texts(vocabulary, lines, batch_size=256, seed=seed)
    return data.StreamBatches.from_texts(vocabulary, lines, batch_size=64, length=128, seed=seed)


def stream(kind: str, into: str) -> dict[str, list[float]]:
    """Turn `STREAMED` MB into batches, 1 MB of lines at a time, and look at every batch."""
    vocabulary = vocabulary_of(kind)
    before = psutil.Process().memory_info().rss
    peaks, seconds, tokens, characters = [], [], 0, 0
    start = time.perf_counter()
    for number, text in enumerate(megabytes_of_text(STREAMED), start=1):
        for _, targets in batches_of(text.split("\n"), vocabulary, into, number).epoch(0):
            tokens += int((targets != data.IGNORED).sum())
        characters += len(text) + 1  # each line's end is a boundary, the last one's too
        if number in MARKS:
            peaks.append((peak_memory() - before) / MB)
            seconds.append(time.perf_counter() - start)
    assert kind == "subwords" or tokens == characters, (tokens, characters)
    return {"peaks": peaks, "seconds": seconds}


def measured(*arguments: str | int) -> dict[str, float]:
    """What `arguments` gives in a process of its own."""
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def report(repeats: int) -> None:
    for kind, cores in (("characters", "one core"), ("subwords", "all cores")):
        print(f"encoding one text as {kind}, {cores}")
        for size in SIZES:
            found = measured("encode", kind, size, repeats)
            peak = f"{found['memory']:4.0f} MB, {found['memory'] / size:4.1f} times the text"
            print(f"  {size:4d} MB   {found['speed']:6.0f} MB/s   peak memory {peak}", flush=True)
    into_batches = [("characters", into) for into in ("windows", "padded", "streams")]
    for kind, into in (*into_batches, ("subwords", "streams")):
        print(f"streaming {STREAMED} MB, 1 MB at a time: {kind} -> {into}")
        found = measured("stream", kind, into)
        for mark, peak, seconds in zip(MARKS, found["peaks"], found["seconds"], strict=True):
            print(f"  after {mark:4d} MB   {seconds:6.1f} s   peak {peak:5.0f} MB", flush=True)


if __name__ == "__main__":
    what, kind, *rest = sys.argv[1:]
    torch.set_num_threads(1)  # the subwords' library alone takes every core
    found = encode(kind, int(rest[0]), int(rest[1])) if what == "encode" else stream(kind, rest[0])
    print(json.dumps(found))
