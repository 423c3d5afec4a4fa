"""What surrounds the notebooks: expected numbers, exercises, recording and checking, review."""
