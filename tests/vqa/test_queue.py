"""Durations of circuits, and batches of a queue."""

import numpy as np
import pytest

from qalgs.backends import CapabilityError, EspModel
from qalgs.evaluation import Cost
from qalgs.vqa.costs import DeviceTime
from qalgs.vqa.packing import Demand
from qalgs.vqa.queue import batches
from tests.vqa.devices import ansatz, calibration, pool, scheduled_esp
from tests.vqa.test_packing import ladder


def test_four_programs_in_the_time_of_one():
    """Four hydrogen molecules on FakeBrisbane: 5 bases of 1024 shots each."""
    found = pool("Brisbane", 4)
    model = EspModel(found.calibration, found.circuit)
    runs = [
        DeviceTime(circuit=float(seconds)).seconds(Cost(shots=5 * 1024, circuits=5, jobs=1))
        for seconds in model.durations(found.placements[:4])
    ]
    assert 3.9 <= sum(runs) / max(runs) <= 4.0


def test_durations_are_those_of_the_schedule():
    """The first qubit to start is busy or idle from then on: gates and waiting add up to the duration."""
    known = calibration("Sherbrooke")
    model = EspModel(known, ansatz(4, reps=1))
    place = pool("Sherbrooke", 4).placements[0]
    *_, waits = scheduled_esp("Sherbrooke", model.circuit, place.tolist())
    ((profile, _),) = model.profiles(place[None])
    seconds = {(g.name, g.qubits): g.seconds or 0.0 for g in known.gates}
    busy = np.array(waits)
    for name, qubits in profile:
        for q in qubits:
            busy[q] += seconds[name, tuple(int(place[i]) for i in qubits)]
    reading = max(known.qubits[q].readout_seconds for q in place)
    assert model.durations(place[None])[0] == pytest.approx(busy.max() + reading, abs=1e-12)


def test_a_queue_is_cut_in_its_order():
    known = ladder(8)
    pairs = np.array([[0, 1], [2, 3], [4, 5], [6, 7]])
    queue = [Demand(pairs, np.arange(4.0)) for _ in range(5)]
    cut = batches(queue, known, buffer=0)
    assert [packing.num_programs for packing in cut] == [4, 1]
    apart = batches(queue, known, buffer=1)
    assert sum(packing.num_programs for packing in apart) == 5
    assert len(apart) > len(cut)
    with pytest.raises(CapabilityError, match="do not fit"):
        batches([*queue, Demand(pairs, np.zeros(4), 9)], known)
    with pytest.raises(ValueError, match=r"`demands\[1\]` must have a number"):
        batches([queue[0], Demand(pairs, np.zeros(4), None)], known)
