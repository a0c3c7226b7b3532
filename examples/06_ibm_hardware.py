# %% [markdown]
# # Submit to IBM hardware
#
# **What you learn.** What to set up once, how to see the price of a run before it is sent, how to keep it within a
# budget, how to fetch results after your program is gone, and what the machine's errors do to an answer.
#
# **How long it takes.** 15 minutes to read, a minute to run. Without an account everything runs against a rehearsal
# server on this computer. With one, set `QALGS_MACHINE` to the name of a machine, such as `ibm_fez`, before you start:
# the notebook then takes about half a minute of quantum time, and as long as the queue is.

# %%
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from qiskit.circuit.library import efficient_su2

import qalgs as qa

SMALL = os.environ.get("QALGS_SMALL") == "1"  # the tests run every notebook with smaller numbers
MACHINE = os.environ.get("QALGS_MACHINE")

# %% [markdown]
# ## 1. What to set
#
# You need an API key and an *instance* from [quantum.cloud.ibm.com](https://quantum.cloud.ibm.com). Save them once:
#
# ```python
# qa.backends.login(instance="my-instance")   # asks for the key without showing it
# ```
#
# They go into the file of IBM's own client library, readable by you only. On a computer that is not yours, set the
# environment variable `QISKIT_IBM_TOKEN` instead. A key is never printed, logged, or kept in results or notebooks. Name
# the instance if you have several: some are free, some are paid.

# %%
if MACHINE is None:
    from qalgs_backends.testing import RehearsalServer

    folder = tempfile.mkdtemp()
    server = RehearsalServer("fake_manila", noise=True).start()
    os.environ.update(server.environment())
    os.environ["QALGS_JOBS"] = str(Path(folder) / "jobs.sqlite")  # rehearsed jobs are kept apart from real ones
    MACHINE = server.name
for account in qa.backends.accounts():
    print(f"account {account.name!r} from the {account.source}, channel {account.channel}")

# %%
store = qa.backends.JobStore(policy=qa.backends.JobPolicy(posts_per_minute=20))
machine = qa.backends.get(f"ibm:{MACHINE}", budget_seconds=120, store=store)
calibration = machine.calibration
print(f"{machine.name}: {machine.capabilities.num_qubits} qubits, calibrated {calibration.calibrated_at}")

# %% [markdown]
# ## 2. A dry run
#
# `prepare` places and compiles a circuit without any request. `estimate` says what running it would take. The circuit
# executions are exact: points × measurement bases × shots. The quantum seconds are an estimate: each execution takes
# the circuit's length plus a pause in which the qubits relax, a quarter of a millisecond on most machines, and each job
# about two seconds on top. So the price depends on the shots, hardly on the circuit.

# %%
H = qa.problems.transverse_field_ising(3)
ansatz = efficient_su2(3, reps=1, entanglement="linear")
points = np.random.default_rng(1).uniform(-0.6, 0.6, (4, ansatz.num_parameters))
program = machine.prepare(ansatz, H)
print(f"placed on physical qubits {program.layout}")

plain = machine.estimate(program, len(points), 1000)
print(f"{len(points)} points, 1000 shots: {plain.circuits} circuits, {plain.shots:,} executions,", end=" ")
print(f"{plain.jobs} job, about {plain.quantum_seconds:.1f} quantum seconds")

# %%
figure, ax = plt.subplots(figsize=(9, 2.5 if calibration.num_qubits < 10 else 7), layout="constrained")
ax = qa.plot.device(calibration, layout=program.layout, ax=ax)

# %% [markdown]
# Options change the price. *Twirling* spreads the shots over random variants of the circuit, which turns steady errors
# into random ones. *Mitigation* spends further circuits on undoing noise: level 1 learns the readout errors, level 2
# also runs the circuit with its noise amplified and extrapolates to none.

# %%
levels = {"plain": qa.backends.IBMOptions()}
levels |= {f"resilience {level}": qa.backends.IBMOptions.resilience(level) for level in (1, 2)}
machines = {
    name: qa.backends.get(f"ibm:{MACHINE}", budget_seconds=120, store=store, options=options)
    for name, options in levels.items()
}
programs = {name: each.prepare(ansatz, H) for name, each in machines.items()}

shots = np.array([500, 1000, 2000, 4000, 8000])
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for name, each in machines.items():
    seconds = [each.estimate(programs[name], len(points), int(number)).quantum_seconds for number in shots]
    ax.plot(shots, seconds, "o-", label=name)
ax.axhline(120, color="#d1495b", linestyle="--", linewidth=1, label="budget")
ax.set(xlabel="shots", ylabel="quantum seconds, estimated", xscale="log", yscale="log")
ax.set_xticks(shots, [f"{number:,}" for number in shots])
ax.minorticks_off()
ax.legend(frameon=False, fontsize=8)
ax.grid(alpha=0.25, which="both")

# %% [markdown]
# ## 3. A budget
#
# A free account has ten minutes a month. `budget_seconds` is what this backend object may spend in all. A run that does
# not fit is refused before anything is sent, and every job is sent with a limit at which the service stops it. Nothing
# here offers gradients: exact gradients by shifts would take most of a month. Use an optimizer that needs values only,
# such as `qa.optimizers.SPSA` or `COBYLA`.

# %%
try:
    machine.expect(program, points, shots=100_000, rng=1)
except qa.backends.BudgetError as refused:
    print(refused)
print(f"left of the budget: {machine.remaining_seconds:.0f} s; jobs in the store: {len(store.list())}")

# %% [markdown]
# ## 4. Submit, go away, come back
#
# `submit` checks all that can be checked here, sends, and returns at once. Before it sends, it writes the job's key to
# a file: a digest of the machine, the circuit, the points, the shots and `rng`. The same lines with the same `rng` are
# the same run. They never send it twice, whatever happened in between: a crash, a lost connection, a closed lid.

# %%
SHOTS = 1000 if SMALL else 4000
job = machine.submit(program, points, kind="expect", shots=SHOTS, rng=1)
print(f"{job.key[:12]}: {job.status()}")
del job  # as if this notebook had been closed

# %%
job = machine.submit(program, points, kind="expect", shots=SHOTS, rng=1)  # finds it again
values = job.result(timeout=3600)
cost = values.cost
print(f"{job.key[:12]}: {job.status()}, {cost.shots:,} executions, {cost.quantum_seconds:.1f} quantum seconds used")
print(f"left of the budget: {machine.remaining_seconds:.0f} s")

# %% [markdown]
# In the shell the same jobs are listed with `qalgs jobs`, waited for with `qalgs jobs wait KEY`, looked for after a
# crash with `qalgs jobs resume` and stopped with `qalgs jobs cancel KEY`. A finished job's result is kept here, so the
# same lines run without a network. A job that *failed* is not sent again behind your back: asking for it again says why
# it failed, and `IBMOptions(resend=True)` sends it anew.

# %%
for record in store.list():
    print(f"{record.key[:12]}  {record.state:10} {record.machine:14} sent {record.attempts} time")

# %% [markdown]
# ## 5. What the noise does, and what mitigation gives back
#
# Now the same points with each of the options, next to the exact values. Level 1 undoes the readout errors, which is
# most of it on this machine. Level 2 extrapolates to no noise from three amounts of it; its error bars are those that
# IBM's client states, and say nothing of whether the noise really follows the curve that is extrapolated.

# %%
simulator = qa.backends.get("statevector")
exact = simulator.expect(simulator.prepare(ansatz, H), points).values[:, 0]
answers = {"plain": values}
for name in ("resilience 1",) if SMALL else ("resilience 1", "resilience 2"):
    answers[name] = machines[name].expect(programs[name], points, shots=SHOTS, rng=1)

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for k, (name, found) in enumerate(answers.items()):
    place = np.arange(len(points)) + 0.15 * (k - 1)
    off = found.values[:, 0] - exact
    label = f"{name}, {np.sqrt(np.mean(off**2)):.3f} off (rms)"
    ax.errorbar(place, off, found.values_err[:, 0], fmt="o", capsize=3, label=label)
ax.axhline(0, color="black", linewidth=1)
ax.set_xticks(range(len(points)), [f"point {i}" for i in range(len(points))])
ax.set_ylabel("energy above exact")
_ = figure.legend(frameon=False, fontsize=8, ncols=3, loc="outside upper center")

# %% [markdown]
# ## 6. A whole experiment
#
# Every verb of the package takes a backend, and asks it in large jobs. Tomography of a three-qubit state is *one* job:
# all 27 settings are points of one circuit. Whatever runs here in rehearsal runs on the machine.

# %%
circuit, ideal = qa.circuits.ghz(3), qa.problems.ghz_state(3)
counts = qa.measure_paulis(circuit, settings="all", shots=SHOTS // 4, backend=machine, rng=5)
print(counts)
result = qa.tomography(counts, rank="auto", bootstrap=10, rng=5)
print(result)
print("fidelity    ", result.fidelity(ideal), "   straight from the counts", qa.linear_fidelity(counts, ideal)[0])

# %%
ax = qa.plot.city(result, target=ideal)

# %%
print(f"jobs {len(store.list())}, quantum seconds {store.usage().quantum_seconds:.1f}")
for each in machines.values():
    each.close()
machine.close()
if "server" in globals():
    server.stop()

# %% [markdown]
# ## Before the first real run
#
# - Rehearse it: `qalgs rehearse fake_fez` in one terminal, your program in another.
# - Read the estimate. `--dry-run` prints it for commands in the shell.
# - Set `budget_seconds`, and give `rng` a number: a run without one is a new run every time.
# - Look at the calibration's date. When it is older than two days a run is refused (`max_age_days`);
#   `machine.refresh()` reads it anew.
#
# ## Exercises
#
# 1. Ask for the finished job a third time with `rng=2` instead of `rng=1`. What does the store list now?
# 2. Give `submit` a `max_seconds` below the estimate. What is said, and what is sent?
# 3. Set `IBMOptions(max_points=2)` and submit the four points again. How many jobs are there, and what does `estimate`
#    say about their price?
