"""Makes `pytest --nbval notebooks` strict: course/notebooks/nbval_strict.py says how."""

from course.notebooks import nbval_strict

nbval_strict.install()
