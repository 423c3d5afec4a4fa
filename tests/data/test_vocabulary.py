import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intro_lm.data import BOUNDARY, Vocabulary


@given(st.lists(st.text(), min_size=1).filter(any))
def test_every_text_of_the_vocabulary_round_trips(texts):
    vocabulary = Vocabulary.from_texts(texts)
    for text in texts:
        assert vocabulary.decode(vocabulary.encode(text)) == text
        assert vocabulary.decode_texts(vocabulary.encode(text)[None, :]) == [text]


@given(st.lists(st.text(), min_size=1).filter(any))
def test_the_stream_is_each_text_followed_by_a_boundary(texts):
    vocabulary = Vocabulary.from_texts(texts)
    expected = []
    for text in texts:
        expected += [*vocabulary.encode(text).tolist(), BOUNDARY]
    assert vocabulary.encode_texts(texts).tolist() == expected


def test_ids_follow_the_alphabet_behind_the_boundary():
    vocabulary = Vocabulary("cab")
    assert vocabulary.symbols == ["·", "a", "b", "c"]
    assert vocabulary.encode("abc").tolist() == [1, 2, 3]
    assert len(vocabulary) == 4


@pytest.mark.parametrize("text", ["zoe", "añb", "a\U0001f600"])
def test_an_unknown_character_is_named(text):
    with pytest.raises(ValueError, match=r"the character '.' \(U\+[0-9A-F]+\), in .* is not among"):
        Vocabulary("ab").encode(text)


def test_an_id_outside_the_vocabulary_is_named():
    with pytest.raises(ValueError, match="id 7 is not in this vocabulary of 3 tokens"):
        Vocabulary("ab").decode(torch.tensor([1, 7]))


def test_an_empty_corpus_has_no_vocabulary():
    with pytest.raises(ValueError, match="corpus is empty"):
        Vocabulary.from_texts(["", ""])


@given(st.text(min_size=1))
def test_saved_vocabulary_equals_loaded(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.json"
    Vocabulary(text).save(path)
    assert Vocabulary.load(path) == Vocabulary(text)
