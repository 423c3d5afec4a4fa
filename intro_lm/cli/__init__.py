"""The commands of `python -m intro_lm`, one module each, with `add_flags` and `run`."""
