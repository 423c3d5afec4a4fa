import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intro_lm import data
from intro_lm.data import BOUNDARY, Subwords, context_windows
from intro_lm.data.subwords import LONGEST_PIECE
from intro_lm.generation import generate
from intro_lm.models import MLP
from tests.data.odd_texts import ODD_TEXTS

SIZE = 400


@pytest.fixture(scope="module")
def reference() -> list[str]:
    """Some running text."""
    return data.texts("python-reference")[:20]


@pytest.fixture(scope="module")
def subwords(reference) -> Subwords:
    return Subwords.from_texts(reference, SIZE)


@given(texts=st.lists(st.text(), min_size=1))
def test_any_text_round_trips(subwords, texts):
    for text in texts:
        ids = subwords.encode(text)
        assert subwords.decode(ids) == text
        assert subwords.decode_texts(ids[None, :]) == [text]


@given(texts=st.lists(st.text(), min_size=1))
def test_the_stream_is_each_text_followed_by_a_boundary(subwords, texts):
    expected = []
    for text in texts:
        expected += [*subwords.encode(text).tolist(), BOUNDARY]
    stream = subwords.encode_texts(texts)
    assert stream.tolist() == expected
    assert subwords.decode(stream, boundary="<>") == "".join(f"{text}<>" for text in texts)


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_odd_texts_come_back_as_they_were(subwords, text):
    assert subwords.decode(subwords.encode_texts([text, "", text]), "") == text * 2


def merged_by_hand(merges, text):
    """The obvious loop of Sennrich et al. (2016), for one word."""
    ids = [byte + 1 for byte in text.encode()]
    for number, pair in enumerate(merges):
        position = 0
        while position + 1 < len(ids):
            if (ids[position], ids[position + 1]) == pair:
                ids[position : position + 2] = [257 + number]
            position += 1
    return ids


def test_a_word_is_merged_as_by_hand(subwords):
    merges = [*subwords.merges]
    assert len(subwords) == 257 + len(merges)  # no two merges of this corpus make one token
    for word in ("statement", " expression", " naïveté", "0123"):
        assert subwords.encode(word).tolist() == merged_by_hand(merges, word)


def test_the_commonest_pair_is_merged_first():
    # Pairs: "aa" four times, "ab" twice, " a" twice.
    trained = Subwords.from_texts(["aaab aaab aaab"], 258)
    assert trained.merges == [(ord("a") + 1, ord("a") + 1)]
    assert trained.symbols[257] == "aa"


def test_the_size_is_the_one_asked_for(subwords, reference):
    assert len(subwords) == SIZE == len(subwords.symbols)
    assert int(subwords.encode_texts(reference).max()) < SIZE
    # Four characters offer one pair that occurs twice, and one token is all there is to add.
    assert len(Subwords.from_texts(["ab ab"], 1000)) < 300


def test_more_subwords_make_shorter_texts(reference):
    lengths = [
        len(Subwords.from_texts(reference, size).encode_texts(reference))
        for size in (257, 400, 1000)
    ]
    assert lengths[0] == sum(len(text.encode()) + 1 for text in reference)
    assert lengths[0] > 1.5 * lengths[1] > 1.5 * lengths[2]


def test_the_same_texts_give_the_same_subwords(subwords, reference):
    """Again here, and in another process, where hashes and threads fall out differently."""
    assert Subwords.from_texts(iter(reference), SIZE) == subwords
    code = (
        "from intro_lm import data; texts = data.texts('python-reference')[:20];"
        f"print(data.Subwords.from_texts(texts, {SIZE}).merges)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TOKENIZERS_PARALLELISM": "false", "PYTHONHASHSEED": "7"},
    )
    assert done.stdout.strip() == str(subwords.merges)


def test_saved_subwords_equal_loaded(subwords, tmp_path):
    path = tmp_path / "subwords.json"
    subwords.save(path)
    loaded = Subwords.load(path)
    assert loaded == subwords
    assert loaded.symbols == subwords.symbols
    assert loaded.encode("statements").equal(subwords.encode("statements"))


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "other.json"
    data.Vocabulary("ab").save(path)
    with pytest.raises(ValueError, match=r"other\.json holds no merges"):
        Subwords.load(path)


def test_merges_of_unknown_tokens_are_refused():
    with pytest.raises(ValueError, match=r"merge \(98, 300\) joins tokens that do not exist"):
        Subwords([(98, 300)])


@pytest.mark.parametrize("size", [0, 256, 300.5, True])
def test_a_size_that_leaves_no_room_for_the_bytes_is_refused(size):
    with pytest.raises(ValueError, match=f"size is {size}"):
        Subwords.from_texts(["abc"], size)


def test_an_empty_corpus_has_no_subwords():
    for texts in ([], ["", ""]):
        with pytest.raises(ValueError, match="corpus is empty"):
            Subwords.from_texts(texts, 300)


def test_half_a_surrogate_pair_is_named(subwords):
    text = "b" * LONGEST_PIECE + "a\ud800"
    for attempt in (
        lambda: subwords.encode(text),
        lambda: subwords.encode_texts(["a", text]),
        lambda: Subwords.from_texts([text], 300),
    ):
        with pytest.raises(ValueError, match=rf"'\\ud800' at position {LONGEST_PIECE + 1}, in"):
            attempt()


def test_an_id_outside_the_vocabulary_is_named(subwords):
    with pytest.raises(ValueError, match=f"id {SIZE} is not in this vocabulary of {SIZE} tokens"):
        subwords.decode([1, SIZE])


def test_half_a_character_is_shown_as_the_replacement_character(subwords):
    first_byte = subwords.encode("é")[:1]
    assert subwords.decode(first_byte) == "\ufffd"
    assert subwords.symbols[int(first_byte)] == "\\xc3"


def test_long_texts_are_cut_where_words_begin(subwords, reference):
    """Longer than a piece, and yet as the library encodes it in one go."""
    text = " ".join(reference) * 2
    assert len(text) > 3 * LONGEST_PIECE
    whole = subwords.tokenizer.encode(text).ids
    assert subwords.encode(text).tolist() == whole


def test_a_line_of_50_megabytes_comes_back_as_it_was(subwords):
    """A tenth of it without a single space, which must not hang."""
    line = "all on one line, " * (45_000_000 // 17) + "x1éß" * (5_000_000 // 6)
    assert subwords.decode(subwords.encode(line)) == line


def test_windows_training_data_and_samples_take_subwords_as_they_take_characters(
    subwords, reference
):
    inputs, targets = context_windows(subwords, reference, 2)
    assert targets.equal(subwords.encode_texts(reference).long())
    assert inputs.max() < len(subwords)
    model = MLP(len(subwords), context_length=2, generator=torch.Generator().manual_seed(0))
    texts = generate(model, subwords, 3, prompt="The é", max_length=20)
    assert all(text.startswith("The é") for text in texts)


def test_the_library_is_imported_only_when_it_is_needed():
    code = (
        "import sys; from intro_lm.data import Subwords; subwords = Subwords([(98, 98)]);"
        "assert subwords.decode([257, 99]) == 'aab';"
        "assert 'tokenizers' not in sys.modules; subwords.encode('aab');"
        "assert 'tokenizers' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
