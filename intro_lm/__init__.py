"""intro_lm: the small package behind the language-modelling notebooks."""

import contextlib
import warnings

__version__ = "0.1.0"

# pooch and datasets import tqdm.auto, which warns in a notebook without widgets. A stored notebook
# needs the plain-text progress bar that it falls back to. If tqdm is missing, the doctor must still
# be able to say so.
with warnings.catch_warnings(), contextlib.suppress(ImportError):
    from tqdm import TqdmWarning

    warnings.simplefilter("ignore", TqdmWarning)
    import tqdm.auto  # noqa: F401
