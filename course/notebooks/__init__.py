"""Executing, recording and checking the notebooks."""
