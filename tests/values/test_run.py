import time

import numpy as np
import pytest

import qalgs as qa
from qalgs.run import Status, Step, drive


def counting(total, status=Status.CONVERGED):
    for i in range(1, total + 1):
        yield Step(i, {"at": i}, {"value": 1.0 / i}, total=total)
    return status


def test_a_run_to_its_end():
    run = drive(counting(4))
    assert (run.status, run.message, run.last.index) == (Status.CONVERGED, "converged", 4)
    np.testing.assert_allclose(run.history["value"], [1, 1 / 2, 1 / 3, 1 / 4])
    assert run.history["step"].tolist() == [1, 2, 3, 4]


def test_an_empty_run():
    run = drive(counting(0, Status.MAX_STEPS))
    assert run.last is None
    assert run.status is Status.MAX_STEPS
    assert not run.status.success


def test_metrics_that_come_and_go_are_nan_where_missing():
    def steps():
        yield Step(1, None, {"a": 1.0})
        yield Step(2, None, {"b": 2.0})
        return Status.CONVERGED

    history = drive(steps()).history
    np.testing.assert_array_equal(history["a"], [1, np.nan])
    np.testing.assert_array_equal(history["b"], [np.nan, 2])


def test_stop_iteration_ends_politely_and_says_why():
    run = drive(counting(10), qa.StopWhen(lambda step: step.index == 3, "far enough"))
    assert (run.status, run.message, run.last.index) == (Status.STOPPED, "far enough", 3)


def test_ctrl_c_keeps_the_last_whole_step_and_closes_the_algorithm():
    closed = []

    def steps():
        try:
            yield Step(1, None, {})
            raise KeyboardInterrupt
        finally:
            closed.append(True)

    run = drive(steps())
    assert (run.status, run.last.index, closed) == (Status.INTERRUPTED, 1, [True])


def test_errors_of_the_algorithm_are_not_swallowed():
    def steps():
        yield Step(1, None, {})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        drive(steps())


def test_record_keeps_steps_and_several_callbacks_are_called_in_order():
    record, order = qa.Record(), []
    drive(counting(3), [record, lambda step: order.append(step.index)])
    assert [step.state["at"] for step in record.steps] == order == [1, 2, 3]


def test_deadline():
    def slow():
        while True:
            time.sleep(0.01)
            yield Step(1, None, {})

    run = drive(slow(), qa.Deadline(0.05))
    assert run.status is Status.STOPPED
    assert "0.05 s" in run.message
    assert run.wall_seconds < 5
    with pytest.raises(ValueError, match="`seconds` must be greater than 0"):
        qa.Deadline(0)


def test_checkpoint_is_atomic_and_on_time(tmp_path):
    path, seen = tmp_path / "state.txt", []

    def save(state, where):
        where.write_text(str(state["at"]))
        seen.append((state["at"], path.exists()))

    drive(counting(7), qa.Checkpoint(path, save, every=3))
    assert seen == [(3, False), (6, True)]
    assert path.read_text() == "6"
    assert list(tmp_path.iterdir()) == [path]


def test_progress_draws_when_forced_and_is_silent_otherwise(capsys):
    drive(counting(3), qa.Progress("work", force=True, show=["value"]))
    shown = capsys.readouterr().err
    assert "work" in shown
    assert "3/3" in shown
    assert "value=0.333" in shown
    drive(counting(3), qa.Progress("work"))
    assert capsys.readouterr().err == ""
