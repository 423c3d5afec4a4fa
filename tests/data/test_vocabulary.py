import time
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intro_lm.data import BOUNDARY, Vocabulary
from intro_lm.data.vocabulary import CHUNK
from tests.data.odd_texts import ODD_TEXTS

# Every code point, half a surrogate pair included: a str may hold one.
any_text = st.text(st.characters(exclude_categories=()))


@given(st.lists(any_text, min_size=1).filter(any))
def test_every_text_of_the_vocabulary_round_trips(texts):
    vocabulary = Vocabulary.from_texts(texts)
    for text in texts:
        assert vocabulary.decode(vocabulary.encode(text)) == text
        assert vocabulary.decode_texts(vocabulary.encode(text)[None, :]) == [text]


@given(st.lists(any_text, min_size=1).filter(any))
def test_the_stream_is_each_text_followed_by_a_boundary(texts):
    vocabulary = Vocabulary.from_texts(texts)
    expected = []
    for text in texts:
        expected += [*vocabulary.encode(text).tolist(), BOUNDARY]
    assert vocabulary.encode_texts(texts).tolist() == expected
    assert vocabulary.decode(vocabulary.encode_texts(texts), boundary="<>") == "".join(
        f"{text}<>" for text in texts
    )


def test_long_and_short_texts_are_encoded_alike():
    """Texts longer than a chunk, chunks of many texts, and both by turns."""
    rng = np.random.default_rng(0)
    lengths = [3 * CHUNK + 7, 0, 5, CHUNK, 1, *rng.integers(0, 40, 5000), CHUNK - 1, 2, 2 * CHUNK]
    texts = ["".join(map(chr, rng.integers(97, 123, length))) for length in lengths]
    vocabulary = Vocabulary.from_texts(texts)
    by_hand = [ids for text in texts for ids in (*(ord(c) - 96 for c in text), BOUNDARY)]
    assert vocabulary.encode_texts(texts).tolist() == by_hand
    assert vocabulary.decode(vocabulary.encode(texts[0])) == texts[0]


def test_ids_follow_the_alphabet_behind_the_boundary():
    vocabulary = Vocabulary("cab")
    assert vocabulary.symbols == ["·", "a", "b", "c"]
    assert vocabulary.encode("abc").tolist() == [1, 2, 3]
    assert len(vocabulary) == 4


@pytest.mark.parametrize("text", ["zoe", "añb", "a\U0001f600", "a\0", "b" * CHUNK + "z"])
def test_an_unknown_character_is_named(text):
    vocabulary = Vocabulary("ab")
    message = r"the character '.+' \(U\+[0-9A-F]+\), in .* is not among"
    with pytest.raises(ValueError, match=message):
        vocabulary.encode(text)
    with pytest.raises(ValueError, match=message):
        vocabulary.encode_texts(["ab", "", text, "b"])


def test_an_id_outside_the_vocabulary_is_named():
    with pytest.raises(ValueError, match="id 7 is not in this vocabulary of 3 tokens"):
        Vocabulary("ab").decode(torch.tensor([1, 7]))
    with pytest.raises(ValueError, match="id -1 is not in this vocabulary of 3 tokens"):
        Vocabulary("ab").decode_texts(torch.tensor([[1, -1]]))


def test_an_empty_corpus_has_no_vocabulary():
    with pytest.raises(ValueError, match="corpus is empty"):
        Vocabulary.from_texts(["", ""])


@given(st.text(st.characters(exclude_categories=()), min_size=1))
def test_saved_vocabulary_equals_loaded(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.json"
    Vocabulary(text).save(path)
    assert Vocabulary.load(path) == Vocabulary(text)


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "other.json"
    path.write_text('{"merges": []}')
    with pytest.raises(ValueError, match=r"other\.json holds no characters"):
        Vocabulary.load(path)


@pytest.mark.parametrize(
    "encode",
    [Vocabulary.encode, lambda vocabulary, text: vocabulary.encode_texts([text])],
    ids=["encode", "encode_texts"],
)
def test_encoding_is_quick_and_takes_less_than_six_times_the_memory_of_the_text(encode):
    """100 MB in 5 s and 600 MB, the text's own 100 MB among them."""
    line = "The quick brown fox jumps over the lazy dog.\n"
    vocabulary = Vocabulary(line)
    tracemalloc.start()
    try:
        text = line * 500_000  # 22.5 MB
        start = time.perf_counter()
        ids = encode(vocabulary, text)
        seconds = time.perf_counter() - start
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seconds / len(text) * 100e6 < 5
    assert 1 < peak / len(text) < 6
    assert vocabulary.decode(ids[: len(line)]) == line


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_odd_texts_come_back_as_they_were(text):
    vocabulary = Vocabulary.from_texts([text, ""])
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert vocabulary.decode(vocabulary.encode_texts([text, "", text]), "") == text * 2


def test_a_line_of_50_megabytes_comes_back_as_it_was():
    line = "all on one line, " * (50_000_000 // 17)
    vocabulary = Vocabulary.from_texts([line])
    assert vocabulary.decode(vocabulary.encode(line)) == line
