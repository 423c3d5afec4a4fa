"""The mentor's report: what to look at in executed notebooks of several interns.

`python -m course review` goes this way, and each step is a module:

    submissions   what is to be read: notebooks, folders, git refs
    stored        a notebook as it is stored, read without trust; texts shows nothing hidden
    curriculum    the notebook that it was made from, in the version it was made from
    comparison    the cells added, edited, moved, deleted, and the difference in each
    trust         whether the stored outputs are one run from top to bottom
    dependencies  which cells rest on cells that ran later, or are gone
    outcomes      how the exercises went, and whether that is proven
    numbers       the measured numbers against expected.toml
    rerun         with --rerun: whether a second run gives the same
    report        all of that for each notebook, in the processes of a pool
    page          one HTML file; `command` prints a summary and writes JSON

Submissions are untrusted: nothing of them is executed without --rerun, and all that is shown of
them is text and checked pictures. Nothing else in the package imports this one.
"""
