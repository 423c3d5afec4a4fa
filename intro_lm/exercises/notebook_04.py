"""The exercises of notebook 04, the LSTM."""

from __future__ import annotations

from intro_lm.exercises import checks_04, score_04
from intro_lm.exercises.checking import Exercise
from intro_lm.exercises.solutions_04 import draw, lstm_step, read_in_pieces, recipe, rnn_step

EXERCISES = (
    Exercise(
        name="04.step",
        title="One step of a recurrent network",
        minutes=8,
        solved_by=rnn_step,
        why=(
            "A row of `weight_ih` holds the weights of one unit, so `x @ weight_ih.T` is one "
            "number for each row of the batch and each unit. The two biases are of no use to the "
            "network, one would do; PyTorch has both because cuDNN, the library that it calls on "
            "graphics cards, has. The tanh comes last, over the sum, so that the next state "
            "depends on letter and memory together. There is no loop in this: a text is this "
            "line, once a letter."
        ),
        hints=(
            "Write the formula $h_t = \\tanh(x_t W_x + h_{t-1} W_h + b)$ with the names of the "
            "arguments. Which shape has each product?",
            "`x` is (B, E) and `weight_ih` (H, E). What must be done to the matrix so that the "
            "product is (B, H)?",
            "`x @ weight_ih.T + bias_ih` is the letter's part, (B, H). The state's part looks the "
            "same. Add them, and take `torch.tanh` of the sum.",
        ),
        checks=(checks_04.step_of_two_units, checks_04.step_of_a_batch),
    ),
    Exercise(
        name="04.gates",
        title="An LSTM's step from the stacked weights",
        minutes=15,
        solved_by=lstm_step,
        why=(
            "All four linear parts read the same x and h, so one product with the stacked weights "
            "does the work of four, and large products are what processors are fast at. The order "
            "i, f, g, o is a convention of PyTorch's; the ONNX format has i, o, f, g, and weights "
            "that are copied without reordering still run and give nonsense. That is why the last "
            "check compares with `torch.nn.LSTMCell`. The candidate takes a tanh because it must "
            "also be able to lower the cell state; the gates take a sigmoid because they say how "
            "much."
        ),
        hints=(
            "Begin with `stacked`, (B, 4H): what both products and both biases add up to, as in a "
            "step of the simple network.",
            "`stacked.chunk(4, dim=1)` cuts it into four tensors (B, H), in the order i, f, g, o. "
            "Which of them take a sigmoid, and which a tanh?",
            "With `i, f, g, o` after their sigmoid or tanh: `c = f * c + i * g`, and the hidden "
            "state is `o * torch.tanh(c)` of that new c. Return the hidden state first.",
        ),
        checks=(
            checks_04.gates_of_one_unit,
            checks_04.gates_of_a_batch,
            checks_04.gates_as_in_pytorch,
        ),
    ),
    Exercise(
        name="04.temperature",
        title="Draw at a temperature",
        minutes=15,
        solved_by=draw,
        why=(
            "Dividing the logits by the temperature raises each probability to the power of one "
            "over the temperature, and makes them sum to 1 again: at 0.5, probabilities of 0.6 "
            "and 0.3 become as 0.36 to 0.09. Dividing the probabilities themselves changes "
            "nothing, since they are made to sum to 1 afterwards. As the temperature goes to 0, "
            "the likeliest token takes all; at 0 itself the division is impossible, so that case "
            "is written out. `softmax` takes the largest logit off first, so large ones don't "
            "overflow."
        ),
        hints=(
            "Three things in a row: logits at the temperature, probabilities, tokens. To which of "
            "them does the temperature belong? And what can't be divided by 0?",
            "`torch.multinomial(probabilities, 1, generator=generator)` draws one token for each "
            "row, as a tensor (B, 1).",
            "At temperature 0 return `logits.argmax(dim=1)`. Otherwise `(logits / "
            "temperature).softmax(dim=1)` are the probabilities; draw, then `squeeze(1)`.",
        ),
        checks=(
            checks_04.draw_what_is_certain,
            checks_04.draw_at_half,
            checks_04.draw_at_two,
            checks_04.draw_at_zero,
            checks_04.draw_with_the_generator,
        ),
    ),
    Exercise(
        name="04.pieces",
        title="Carry the state, cut the gradient",
        minutes=25,
        solved_by=read_in_pieces,
        why=(
            "`detach` gives a tensor with the same numbers and no past: the next piece starts "
            "from what was remembered, and its gradient ends there. Without it `backward` would "
            "run through all pieces before, which takes more time and memory with each, and in a "
            "training loop fails at the second step, because the graph of the first is gone. An "
            "LSTM's state is two tensors, and a graph left on either is enough to keep the way "
            "open. The hidden states of the piece keep theirs; from them the piece's loss is "
            "learned."
        ),
        hints=(
            "`x.split(length, dim=1)` gives the pieces, the shorter last one too. What must the "
            "layer be given for each, besides the piece?",
            "`hidden, state = layer(piece, state)`, with `state = None` before the first. The "
            "hidden states go into a list as they are; the state is what is handed on.",
            "A tensor's `detach()` does it for the `nn.RNN`. Where `isinstance(state, tuple)`, "
            "make a new tuple of `h.detach()` and `c.detach()`. At the end, `torch.cat(..., "
            "dim=1)`.",
        ),
        checks=(
            checks_04.pieces_of_an_rnn,
            checks_04.gradient_of_an_rnn,
            checks_04.pieces_of_an_lstm,
            checks_04.gradient_of_an_lstm,
        ),
    ),
    Exercise(
        name="04.recipe",
        title="Learn the most from an eighth of the text",
        minutes=60,
        solved_by=recipe,
        why=(
            "With 32 rows of 64 characters the text lasts for 25 steps, and no rate makes much of "
            "25 steps. In 8 rows of 32 it lasts for 200. Each gradient is then noisier, being the "
            "mean of fewer characters, and reaches back 32 characters at most; so early in a "
            "training that costs less than the additional steps bring. The rate, 0.04, is higher "
            "than the notebook's, and clipping makes it safe. This recipe ends near 2.01. It was "
            "found by looking at the held-out text about thirty times, so that number is a little "
            "flattered; and for a long training, where the last hundredths count, it would be a "
            "poor one."
        ),
        hints=(
            "Look at the number of steps in what the check says. What would you change so that "
            "the same text makes more of them?",
            "Keep rows × length near 256 or 512, then try rates from 0.01 to 0.06, doubling. "
            "Change one thing at a time, and write down what each gave.",
            "An LSTM of 128 units, 8 rows, a length of 32, `clip_norm` 1: with a rate of 0.02 it "
            "ends at 2.15. Go on from there with the rate.",
        ),
        checks=(score_04.recipe_is_whole, score_04.recipe_reaches_the_goal),
    ),
)
