"""The sampled estimator on a machine with a queue: a rehearsal server, whose answers are noiseless."""

import numpy as np
import pytest

from qalgs.eigen.deflation import SumDeflation
from qalgs.eigen.sampled import SampledEstimator
from qalgs.eigen.shots import ShotPolicy
from tests.backends.ibm_rehearsal import *  # noqa: F403
from tests.eigen.states import H2, hardware_efficient
from tests.eigen.test_sampled import question, truth


@pytest.mark.slow
def test_a_round_is_one_job_per_kind_of_circuit(server, backend):
    circuits = [hardware_efficient(2, ("ry",), 1)] * 3
    estimator = SampledEstimator(circuits, H2, backend, shots=ShotPolicy(500, 4000), rng=1)
    asked = [question(circuits, H2, SumDeflation(), m=2, key=(step, 0)) for step in range(2)]
    answers = estimator.evaluate(asked)
    assert sum(answer.cost.jobs for answer in answers) == 2
    _, h, s, _ = truth(circuits, H2, asked[0])
    for answer in answers:
        for cross, exact_h, exact_s in zip(answer.cross, h, s, strict=True):
            assert np.all(abs(cross.h - exact_h) < 5 * np.sqrt(cross.h_var))
            assert np.all(abs(cross.s - exact_s) < 5 * np.sqrt(cross.s_var))
    again = estimator.evaluate(asked)
    np.testing.assert_array_equal(again[0].loss, answers[0].loss)
