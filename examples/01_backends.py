# %% [markdown]
# # One program, every machine
#
# **What you learn.** To run the same lines on five simulators, to choose a good place on a device, and to rehearse a
# submission to a quantum computer of IBM on your own computer: what it would cost, and why a crash costs nothing.
#
# **How long it takes.** 15 minutes to read, half a minute to run. No account is needed, and nothing leaves this
# computer.

# %%
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from qiskit.circuit.library import efficient_su2

import qalgs as qa

SMALL = os.environ.get("QALGS_SMALL") == "1"  # the tests run every notebook with smaller numbers
SHOTS = 512 if SMALL else 8192

# %% [markdown]
# ## 1. Five backends
#
# A backend is a machine that runs circuits. It is asked in two steps:
#
# - `prepare` checks a circuit and makes it ready, once;
# - `expect` gives expectation values of observables with their standard errors, `sample` gives measured bits.
#
# A circuit may have parameters. Many points of the same circuit are *one* job: a table of parameters goes in, a table
# of values comes out. This is much faster than a loop, and on hardware it is the difference between one place in the
# queue and a hundred.
#
# Our example is a chain of four spins in a transverse field, in a layered circuit, at three random points.

# %%
H = qa.problems.transverse_field_ising(4)
ansatz = efficient_su2(4, reps=3, entanglement="linear")
points = np.random.default_rng(0).uniform(-0.6, 0.6, (3, ansatz.num_parameters))


def energies(name):
    backend = qa.backends.get(name)
    return backend.expect(backend.prepare(ansatz, H), points, shots=SHOTS, rng=1)


names = ["statevector", "lightning", "aer", "aer:mps", "noisy:fake_fez"]
measured = {name: energies(name) for name in names}
for name, found in measured.items():
    shown = zip(found.values[:, 0], found.values_err[:, 0], strict=True)
    print(f"{name:16}", "   ".join(f"{value:.3f} ± {err:.3f}" for value, err in shown))

# %% [markdown]
# With `shots=None` a simulator gives exact values, to compare with. Four of the backends are ideal: they differ by
# their shots only, and agree within the error bars (the first two even draw the same shots from the same seed). The
# fifth has the noise of a real device, from its calibration of a certain day, and misses the exact value by more than
# its error bars where the energy is far from zero. An error bar tells how well a machine was asked, not how good the
# machine is.

# %%
exact = qa.backends.get("statevector")
truth = exact.expect(exact.prepare(ansatz, H), points).values[:, 0]

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for k, (name, found) in enumerate(measured.items()):
    place = np.arange(len(points)) + 0.12 * (k - 2)
    ax.errorbar(place, found.values[:, 0] - truth, found.values_err[:, 0], fmt="o", capsize=3, label=name)
ax.axhline(0, color="black", linewidth=1)
ax.set_xticks(range(len(points)), [f"point {i}\nexact {value:.2f}" for i, value in enumerate(truth)])
ax.set_ylabel("energy above exact")
_ = figure.legend(fontsize=8, frameon=False, ncols=5, loc="outside upper center")

# %% [markdown]
# ## 2. Where on the device?
#
# The qubits of a device are not alike. Some couplers fail ten times as often as others, some qubits are read wrongly
# every tenth time, and some are dead. A *calibration* holds these numbers for one day.
#
# From it follows the *estimated success probability* (ESP) of a circuit in one place: the product, over its gates, its
# measurements and the time its qubits wait, of the probability that each goes well. The *fidelity map* rates every
# place on the device where the circuit fits without extra swaps.

# %%
device = qa.backends.get("noisy:fake_fez")
circuit = qa.circuits.ghz(5)
places = device.fidelity_map(circuit).regions()
print(f"{places.device}, calibrated {places.calibrated_at}")
print(f"{len(places)} places for 5 qubits in a row")
print(f"best  {places.layout(0)}, ESP {places.esp[0]:.3f}")
print(f"worst {places.layout(len(places) - 1)}, ESP {places.esp[-1]:.3f}")

# %%
ax = qa.plot.device(device.calibration, layout=places.layout())

# %% [markdown]
# Bright couplers are good ones; dotted ones and crossed-out qubits are dead; the ring marks the best place. Numbers
# from a calibration are a promise, so let us hold it to account: run the circuit in places from best to worst and count
# how often one of the two right outcomes, 00000 or 11111, comes up.

# %%
chosen = np.linspace(0, len(places) - 1, 4 if SMALL else 12).astype(int)
right = []
for rank in chosen:
    counts = device.sample(device.prepare(circuit, qubits=places.layout(rank)), shots=SHOTS, rng=int(rank))
    bits = counts.bitstrings()
    right.append((bits.get("00000", 0) + bits.get("11111", 0)) / SHOTS)
right = np.array(right)

figure, ax = plt.subplots(figsize=(5.5, 4), layout="constrained")
ax.errorbar(places.esp[chosen], right, np.sqrt(right * (1 - right) / SHOTS), fmt="o", capsize=3)
ax.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--")
low = max(0.0, min(places.esp[chosen].min(), right.min()) - 0.05)
ax.set(xlim=(low, 1), ylim=(low, 1), xlabel="ESP from the calibration", ylabel="right outcomes")
ax.grid(alpha=0.25)

# %% [markdown]
# The order is right: places of higher ESP do better. The points lie on the dashed line or a little above it, because
# not every error spoils the outcome: a phase error, for one, does not show in these two bit strings. So read ESP as a
# ranking of places, and close to a lower bound here; in other circuits it can be further off.

# %% [markdown]
# ## 3. A rehearsal for IBM's machines
#
# A run on a quantum computer differs in three ways: it costs money, it waits in a queue for minutes or days, and your
# program may be gone when the answer comes. All three can be rehearsed. The rehearsal server stands in for IBM's
# service on this computer; IBM's own client library talks to it and takes it for the real one.

# %%
from qalgs_backends.testing import RehearsalServer

folder = Path(tempfile.mkdtemp())
server = RehearsalServer("fake_manila").start()
os.environ.update(server.environment())
os.environ["QALGS_JOBS"] = str(folder / "jobs.sqlite")  # rehearsed jobs are kept apart from real ones

machine = qa.backends.get("ibm:ibm_rehearsal", budget_seconds=60)
program = machine.prepare(ansatz, H)
for shots in (1_000, 10_000, 40_000):
    cost = machine.estimate(program, len(points), shots)
    print(f"{shots:7,} shots: {cost.circuits} circuits in {cost.jobs} job, about {cost.quantum_seconds:5.1f} quantum s")

# %% [markdown]
# `estimate` makes no request; it is what `--dry-run` prints in the shell. With `budget_seconds` a run that would cost
# too much is refused before it is sent.

# %%
try:
    machine.expect(program, points, shots=200_000, rng=1)
except qa.backends.BudgetError as refused:
    print(refused)
print("jobs sent so far:", server.count("POST", "/jobs"))

# %% [markdown]
# Now a crash. The program below submits a job and waits. We let it be killed while the job is still in the queue: after
# the money is spent, before the answer is there.

# %%
script = folder / "energy.py"
script.write_text(
    """
import os
import sys

import numpy as np
from qiskit.circuit.library import efficient_su2

import qalgs as qa

H = qa.problems.transverse_field_ising(4)
ansatz = efficient_su2(4, reps=3, entanglement="linear")
points = np.random.default_rng(0).uniform(-0.6, 0.6, (3, ansatz.num_parameters))
machine = qa.backends.get("ibm:ibm_rehearsal", budget_seconds=60)
job = machine.submit(machine.prepare(ansatz, H), points, kind="expect", shots=1000, rng=1)
if "crash" in sys.argv:
    os._exit(9)  # as if the power went
values = job.result()
"""
)
server.hold()  # a long queue
died = subprocess.run([sys.executable, str(script), "crash"], check=False).returncode
print(f"the program ended with {died}; jobs sent: {server.count('POST', '/jobs')}")
print(*(f"{job.key[:12]}  {job.state}" for job in qa.backends.JobStore().list()))

# %% [markdown]
# Before a job is sent, its key is written to a file on this computer: a digest of the circuit, the points, the shots
# and the seed. So there is nothing to recover by hand. Run the same program again: it finds its job, and waits for it.

# %%
import runpy

sent = [server.count("POST", "/jobs")]
server.release()  # the queue moves on
first = runpy.run_path(str(script))["values"]
sent.append(server.count("POST", "/jobs"))
again = runpy.run_path(str(script))["values"]
sent.append(server.count("POST", "/jobs"))
print("after the crash", first.values[:, 0].round(3), f"jobs sent: {sent[1]}")
print("once more      ", again.values[:, 0].round(3), f"jobs sent: {sent[2]}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained", width_ratios=[1, 1.4])
left.bar(["crashed", "run again", "and again"], sent, color="#31688e")
left.set(ylabel="jobs sent in all", ylim=(0, 3), yticks=range(4))
right.plot(truth, "k_", markersize=30, label="exact")
right.errorbar(range(3), first.values[:, 0], first.values_err[:, 0], fmt="o", capsize=3, label="after the crash")
right.set(ylabel="energy", xticks=range(3), xticklabels=[f"point {i}" for i in range(3)], xlim=(-0.5, 2.5))
_ = right.legend(fontsize=8, frameon=False)

# %%
server.stop()

# %% [markdown]
# One job was sent, three programs were served. In the shell, `qalgs rehearse` starts the same server and `qalgs jobs`
# lists, waits for and cancels jobs. What to set for a real machine stands in `06_ibm_hardware`.
#
# ## Exercises
#
# 1. Add `"aer:density_matrix"` and `"noisy:fake_sherbrooke"` to the list of backends. Which of them change the values?
# 2. Draw the fidelity map of `qa.circuits.ghz(8)`. How much of the best ESP is lost by the gates, by the readout and by
#    waiting (`places.gate`, `places.readout`, `places.idle`)?
# 3. Change `rng=1` to `rng=2` in the program that crashed, and run it again. How many jobs are sent now, and why?
