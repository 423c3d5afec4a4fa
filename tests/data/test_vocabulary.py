import time
import tracemalloc

import pytest
import torch

from intro_lm.data import BOUNDARY, Subwords, Vocabulary
from intro_lm.data.vocabulary import CHUNK
from tests.data.odd_texts import ODD_TEXTS


@pytest.mark.parametrize("kind", ["characters", "subwords"])
@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_odd_texts_come_back_as_they_were(kind, text):
    texts = [text, "", text + text]
    vocabulary = (
        Vocabulary.from_texts(texts) if kind == "characters" else Subwords.from_texts(texts, 260)
    )
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert vocabulary.decode_texts(vocabulary.encode(text)[None, :]) == [text]
    stream = vocabulary.encode_texts(texts)
    by_hand = [torch.cat([vocabulary.encode(t), torch.tensor([BOUNDARY])]) for t in texts]
    assert stream.equal(torch.cat(by_hand).int())
    assert vocabulary.decode(stream, boundary="<>") == f"{text}<><>{text}{text}<>"


def test_a_vocabulary_may_hold_half_a_surrogate_pair_and_the_last_code_point():
    text = "\0\ud800\U0010ffffa"
    vocabulary = Vocabulary(text)
    assert vocabulary.decode(vocabulary.encode_texts([text, "a"]), "") == text + "a"


def test_texts_longer_than_a_chunk_are_encoded_as_short_ones():
    texts = ["ab" * CHUNK + "c", "", "b" * (CHUNK - 1), "a"]
    by_hand = [ids for text in texts for ids in (*(ord(c) - 96 for c in text), BOUNDARY)]
    assert Vocabulary("abc").encode_texts(texts).tolist() == by_hand


def test_ids_follow_the_alphabet_after_the_boundary():
    vocabulary = Vocabulary("cab")
    assert vocabulary.symbols == ["·", "a", "b", "c"]
    assert vocabulary.encode("abc").tolist() == [1, 2, 3]
    assert vocabulary.decode([0, 1, 0]) == "·a·"
    assert len(vocabulary) == 4


def test_a_decoded_text_ends_before_its_first_boundary():
    rows = torch.tensor([[1, 2, 0, 1], [0, 1, 1, 1], [2, 2, 2, 2]])
    assert Vocabulary("ab").decode_texts(rows) == ["ab", "", "bbbb"]


@pytest.mark.parametrize("text", ["zoe", "añb", "a\U0001f600", "a\0", "b" * CHUNK + "z"])
def test_an_unknown_character_is_named(text):
    vocabulary = Vocabulary("ab")
    message = r"the character '.+' \(U\+[0-9A-F]+\), in .* is not among"
    with pytest.raises(ValueError, match=message):
        vocabulary.encode(text)
    with pytest.raises(ValueError, match=message):
        vocabulary.encode_texts(["ab", "", text, "b"])


@pytest.mark.parametrize("vocabulary", [Vocabulary("ab"), Subwords([("a", "a")])])
def test_an_id_outside_the_vocabulary_is_named(vocabulary):
    size = len(vocabulary)
    with pytest.raises(ValueError, match=f"id {size} is not in this vocabulary of {size} tokens"):
        vocabulary.decode([1, size])
    with pytest.raises(ValueError, match=f"id -1 is not in this vocabulary of {size} tokens"):
        vocabulary.decode_texts(torch.tensor([[1, -1]]))


def test_an_empty_corpus_has_no_vocabulary():
    with pytest.raises(ValueError, match="corpus is empty"):
        Vocabulary.from_texts(["", ""])


def test_a_saved_vocabulary_equals_the_loaded_one(tmp_path):
    path = tmp_path / "vocabulary.json"
    vocabulary = Vocabulary("\ud800é·\U0001f600")
    vocabulary.save(path)
    assert Vocabulary.load(path).symbols == vocabulary.symbols


@pytest.mark.slow
def test_fifty_megabytes_are_encoded_in_seconds_and_memory_in_proportion():
    line = "all on one line, " * (50_000_000 // 17)
    start = time.process_time()
    tracemalloc.start()
    try:
        vocabulary = Vocabulary.from_texts([line])
        ids = vocabulary.encode_texts([line])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * len(line)
    assert time.process_time() - start < 30  # about 1 s on an idle machine
    assert vocabulary.decode(ids, "") == line
