#!/bin/bash
# Trains on all machines of a Cloud TPU slice, which has the repository:
#   TPU=NAME ZONE=us-west4-a launch/tpu_vm.sh \
#       configs/deeplab_v3_voc.py /mnt/shared/runs/deeplab_v3
# More options of experiments.train may follow the two arguments.
#
# To change: SEGJAX, the repository's folder on the machines, with an
# environment made by
#   python3 -m venv .venv && .venv/bin/pip install -e . 'jax[tpu]'
# Data and workdir lie on a file system that all machines have mounted, such as
# Filestore: checkpoints are renamed into place, which a bucket cannot do.
set -eu
: "${TPU:?the name of the TPU}" "${ZONE:?its zone}"
SEGJAX=${SEGJAX:-segjax}

printf -v arguments ' %q' --config="$1" --workdir="$2" "${@:3}"
gcloud compute tpus tpu-vm ssh "$TPU" --zone="$ZONE" --worker=all --command="
  cd $SEGJAX &&
  .venv/bin/python -u -m experiments.train --distributed $arguments"
