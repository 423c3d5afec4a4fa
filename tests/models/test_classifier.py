"""The text classifier: what it reads, what it pools, and what it takes over."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from intro_lm import data
from intro_lm.data import PaddedBatches, Vocabulary
from intro_lm.models import RecurrentLM, TextClassifier
from intro_lm.models.classifier import concat_pooling, reverse, text_lengths
from intro_lm.models.language_model import BOUNDARY

LETTERS = Vocabulary("abcdefghij")  # 11 tokens
TEXTS = ["abba", "c", "jihgfedcba", "aj"]


def build(seed: int = 0, **options) -> TextClassifier:
    chosen = {"embedding_size": 6, "hidden_size": 8, "layers": 2} | options
    return TextClassifier(11, classes=3, generator=torch.Generator().manual_seed(seed), **chosen)


def language_model(seed: int = 0, **options) -> RecurrentLM:
    chosen = {"embedding_size": 6, "hidden_size": 8, "layers": 2} | options
    return RecurrentLM(11, generator=torch.Generator().manual_seed(seed), **chosen)


def rows(texts: list[str]) -> Tensor:
    """The texts as `PaddedBatches` pads them."""
    batches = PaddedBatches.from_texts(LETTERS, texts, 64, labels=[0] * len(texts), shuffle=False)
    ((inputs, _),) = batches.epoch(0)
    return inputs


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("directions", [1, 2])
def test_logits_of_a_text_do_not_depend_on_padding_or_neighbours(cell, directions):
    model = build(cell=cell, directions=directions)
    together = model(rows(TEXTS))
    for text, logits in zip(TEXTS, together, strict=True):
        inputs = rows([text])
        for read in (inputs[:, :-1], inputs, F.pad(inputs, (0, 50))):
            torch.testing.assert_close(model(read)[0], logits, rtol=0, atol=1e-6)


def test_pooling_is_mean_maximum_and_last_of_the_states_that_count():
    hidden = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([6, 1, 4])
    pooled = concat_pooling(hidden, lengths)
    for row, length in enumerate(lengths.tolist()):
        counted = hidden[row, :length]
        expected = torch.cat([counted.mean(0), counted.amax(0), counted[-1]])
        torch.testing.assert_close(pooled[row], expected)
    many = torch.rand(1, 600, 4)  # a sum in bfloat16 would be rounded at every step
    pooled = [concat_pooling(states, torch.tensor([600])) for states in (many, many.bfloat16())]
    torch.testing.assert_close(*pooled, rtol=2**-8, atol=2**-10)


@pytest.mark.parametrize("directions", [1, 2])
def test_logits_are_the_head_of_the_pooled_states_of_the_language_models(directions):
    models = [language_model(seed) for seed in range(directions)]
    classifier = TextClassifier.from_language_model(*models, classes=3, vocabularies=[LETTERS])
    theirs = models[0].embedding.weight
    assert classifier.encoders[0].embedding.weight.data_ptr() != theirs.data_ptr()  # a copy
    for text in TEXTS:
        pooled = []
        for model, read in zip(models, (text, text[::-1]), strict=False):
            tokens = F.pad(LETTERS.encode(read).long(), (1, 0))  # a boundary and the text
            hidden = model.recurrent(model.embedding(tokens[None]))[0]
            pooled.append(concat_pooling(hidden, torch.tensor([len(tokens)])))
        expected = torch.cat(pooled, 1) @ classifier.output.weight.T + classifier.output.bias
        torch.testing.assert_close(classifier(rows([text])), expected)


def test_a_boundary_is_the_same_as_in_the_data():
    assert BOUNDARY == data.BOUNDARY  # models import nothing of the package


def test_reversing_keeps_padding_at_the_end_as_a_backward_language_model_reads():
    inputs = rows(TEXTS)
    lengths = text_lengths(inputs)
    assert lengths.tolist() == [len(text) for text in TEXTS]
    found = reverse(inputs, lengths)
    assert found.equal(rows([text[::-1] for text in TEXTS]))
    ((read, _),) = PaddedBatches.from_texts(LETTERS, TEXTS, shuffle=False).reversed().epoch(0)
    assert F.pad(found, (1, 0))[:, : read.shape[1]].equal(read)


@pytest.mark.parametrize("change", [{"hidden_size": 9}, {"layers": 1}, {"cell": "gru"}])
def test_language_models_of_different_sizes_are_refused(change):
    ((name, size),) = change.items()
    models = [language_model(), language_model(**change)]
    with pytest.raises(ValueError, match=f"has .* and the backward one .*'{name}': '?{size}"):
        TextClassifier.from_language_model(*models, classes=3, vocabularies=[LETTERS])


def test_vocabularies_that_differ_are_refused():
    for other, message in (
        ("abc", "vocabulary has 4 tokens and the language model 11"),
        ("abcdefghiz", "id 10 is 'j' in one and 'z' in another"),
    ):
        two = [LETTERS, Vocabulary(other)]
        with pytest.raises(ValueError, match=message):
            TextClassifier.from_language_model(language_model(), classes=3, vocabularies=two)


def test_layer_groups_hold_each_parameter_once_from_the_bottom_up():
    model = build()
    groups = model.layer_groups()
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = [{names[id(parameter)] for parameter in group} for group in groups]
    assert sum(map(len, groups)) == len(names) == len(set().union(*found))
    assert found[0] == {f"encoders.{d}.embedding.weight" for d in (0, 1)}
    for layer in (0, 1):
        assert all(name.endswith(f"_l{layer}") for name in found[1 + layer])
    assert found[3] == {"output.weight", "output.bias"}


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"token_dropout": 0.5}])
def test_dropout_falls_on_pooled_states_and_tokens_and_only_while_training(options):
    model = build(layers=1, **options)
    assert not model(rows(TEXTS)).equal(model(rows(TEXTS)))
    model.eval()
    assert model(rows(TEXTS)).equal(model(rows(TEXTS)))
    assert model(torch.zeros(2, 3, dtype=torch.long)).isfinite().all()  # texts without a token


@pytest.mark.parametrize(("name", "value"), [("classes", 1), ("directions", 3)])
def test_bad_arguments_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        TextClassifier(11, **({"classes": 3} | {name: value}))
