"""The house's argument checks and seeds; they live in the lowest room so that backends use the same ones."""

from qalgs_backends.checks import argument as argument
from qalgs_backends.checks import finite_array as finite_array
from qalgs_backends.checks import one_of as one_of
from qalgs_backends.checks import positive_int as positive_int
from qalgs_backends.checks import real as real
from qalgs_backends.checks import shots_or_none as shots_or_none
from qalgs_backends.rng import RngLike as RngLike
from qalgs_backends.rng import as_seed_sequence as as_seed_sequence
from qalgs_backends.rng import child as child
from qalgs_backends.rng import generator as generator
