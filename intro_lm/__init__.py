"""intro_lm: the small package behind the language-modelling notebooks."""

import warnings

from tqdm import TqdmWarning

__version__ = "0.1.0"

# pooch and datasets import tqdm.auto, which warns in a notebook without widgets. The plain-text
# progress bar that it falls back to is what a stored notebook needs.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", TqdmWarning)
    import tqdm.auto  # noqa: F401
