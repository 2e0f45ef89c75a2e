"""Checkpoints of sadeepj/crfasrnn_pytorch, converted from the authors' net.

Layout read in crfasrnn. The network sees BGR images of 0 to 255 minus their
mean: `ops.normalize(image, "caffe")`.
"""

import dataclasses

from segjax.convert import engine
from segjax.models import crf_rnn

_CRF = {
    ("spatial_ker_weights", 2): ("params", "spatial", (1, 0)),
    ("bilateral_ker_weights", 2): ("params", "bilateral", (1, 0)),
    ("compatibility_matrix", 2): ("params", "compatibility", (1, 0)),
}

_TABLE = (
    (r"conv(\d_\d)", r"backbone/conv\1/conv"),
    ("(fc[67]|score_fr|score_pool[34])", r"\1"),
    ("(upscore2|upscore_pool4|upscore8)", r"\1", engine.transposed),
    ("crfrnn", "crf"),
)

SOURCES = {
    "sadeepj/crfasrnn": engine.Source(
        lambda classes: crf_rnn.CRFRNN(
            classes,
            upscore_bias=True,
            crf=crf_rnn.MeanField(matrix_weights=True),
        ),
        _TABLE,
        "score_fr.weight",
        "conv1_1.weight",
        layout=dataclasses.replace(
            engine.TORCH, leaves={**engine.TORCH.leaves, **_CRF}
        ),
    )
}
