import os
import subprocess
import sys

import pytest

from intro_lm import data
from intro_lm.data import BOUNDARY, Subwords
from intro_lm.data.subwords import PIECE

SIZE = 400


@pytest.fixture(scope="module")
def reference() -> list[str]:
    """Some running text."""
    return data.texts("torch-docs")[:20]


@pytest.fixture(scope="module")
def subwords(reference) -> Subwords:
    return Subwords.from_texts(reference, SIZE)


def merged_by_hand(merges, text):
    """The obvious loop of Sennrich et al. (2016), for one word of ASCII."""
    tokens = list(text.replace(" ", "Ġ"))
    for first, second in merges:
        position = 0
        while position + 1 < len(tokens):
            if (tokens[position], tokens[position + 1]) == (first, second):
                tokens[position : position + 2] = [first + second]
            position += 1
    return [token.replace("Ġ", " ") for token in tokens]


def test_a_word_is_merged_as_by_hand(subwords):
    assert len(subwords) == 257 + len(subwords.merges)  # no two merges here make one token
    for word in ("statement", " expression", "0123"):
        found = [subwords.symbols[token] for token in subwords.encode(word)]
        assert found == merged_by_hand(subwords.merges, word)


def test_the_size_is_the_one_asked_for_and_more_subwords_make_shorter_texts(subwords, reference):
    assert len(subwords) == SIZE == len(subwords.symbols)
    # Four characters offer one pair that occurs twice, and one token is all there is to add.
    assert len(Subwords.from_texts(["ab ab"], 1000)) < 300
    in_bytes = len(Subwords().encode_texts(reference))
    assert in_bytes == sum(len(text.encode()) + 1 for text in reference)
    assert in_bytes > 1.5 * len(subwords.encode_texts(reference))


def test_the_same_texts_give_the_same_subwords_in_another_process(subwords):
    """Hashes and threads fall out differently there; and the library is imported when needed."""
    code = (
        "import sys; from intro_lm import data; texts = data.texts('torch-docs')[:20];"
        "assert 'tokenizers' not in sys.modules;"
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


def test_half_a_surrogate_pair_is_named_with_its_position(subwords):
    for attempt in (subwords.encode, lambda text: Subwords.from_texts([text], 300)):
        with pytest.raises(ValueError, match=r"'\\ud800' in position 1"):
            attempt("a\ud800")


def test_half_a_character_is_shown_as_the_replacement_character(subwords):
    first_byte = subwords.encode("é")[:1]
    assert subwords.decode(first_byte) == "\ufffd"
    assert subwords.symbols[int(first_byte)] == "\\xc3"
    assert subwords.decode([BOUNDARY], "<>") == "<>"


def test_long_texts_are_cut_where_words_begin(subwords, reference):
    """In several pieces, and yet as the library encodes the whole."""
    text = " ".join(reference)
    assert len(PIECE.findall(text)) > 3
    assert subwords.encode(text).tolist() == subwords.tokenizer.encode(text).ids


@pytest.mark.slow
def test_a_line_of_ten_megabytes_comes_back_as_it_was(subwords):
    """A tenth of it without a single space, which must not hang."""
    line = "all on one line, " * (9_000_000 // 17) + "x1éß" * (1_000_000 // 6)
    assert subwords.decode(subwords.encode(line)) == line
