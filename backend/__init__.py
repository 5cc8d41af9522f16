"""The local process that preprocesses, trains, renders, evaluates and serves. Never imports bpy."""

import os

# torch's OpenMP threads would spin between two operations, on cores that the compiled kernels' own threads and other
# programs want: on a busy machine a training step then takes five times as long. Read when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
