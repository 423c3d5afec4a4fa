"""The mentor's report: what to look at in executed notebooks of several interns.

`python -m course review` goes through these steps, each of them a module:

    submissions   what is to be read: notebooks, folders, branches (which git reads)
    stored        a notebook as it is stored; texts shows what a text could hide
    curriculum    the notebook that it was made from, in the version that it was made from
    comparison    the cells added, edited, moved and deleted, and the difference in each
    trust         whether the stored outputs are one run from top to bottom (by names of variables)
    results       how the exercises went, whether that is proven, and numbers against their bands
    rerun         with --rerun: whether a second run gives the same
    report        all of that for each notebook, in several processes, as marks
    page          one HTML file; command prints a summary and writes the files

A submission is somebody else's data: nothing of it is executed without --rerun, and all that is
shown of it is text and checked pictures.
"""
