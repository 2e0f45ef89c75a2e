"""Feature extractors, one family a file: image -> {"c1": ..., "c5": ...}.

`c<i>` has stride 2**i, or the backbone's `output_stride` where that is less.
"""
