# %% [markdown]
# # Nest: variational programs that walk across a device
#
# **What you learn.** How a device looks to a variational program, how Nest walks one from poor qubits to good ones
# while it runs, what of its gain is due to the walk and what to something else, and how several programs share a
# device.
#
# **How long it takes.** 15 minutes to read, two minutes to run.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np

import qalgs as qa

SMALL = os.environ.get("QALGS_SMALL") == "1"  # the tests run every notebook with smaller numbers
EVALUATIONS = 60 if SMALL else 240

# %% [markdown]
# ## 1. A device is many devices
#
# A variational program runs the same circuit hundreds of times with other parameters. On a device with 156 qubits, a
# circuit of four fits in hundreds of places. The *estimated success probability* (ESP) rates each by the calibration:
# the product over all gates, measurements and waiting times of the probability that each goes well.
#
# Everybody wants the best place. If all programs queue for it, most of the device idles. Nest ([arXiv
# 2510.09578](https://arxiv.org/abs/2510.09578)) asks: does a program need the best place all the time? Early on the
# optimizer takes large steps, and a rough energy is good enough to tell downhill from uphill.

# %%
H = qa.problems.transverse_field_ising(4)
ansatz = qa.circuits.hardware_efficient(4, reps=2)
device = qa.backends.get("noisy:fake_fez")
pool = qa.placement_pool(device.calibration, ansatz)
print(f"{len(pool)} places on {device.calibration.device}, ESP from {pool.esp.min():.3f} to {pool.esp.max():.3f}")

figure, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
ax.hist(pool.esp, bins=40, color="#31688e")
_ = ax.set(xlabel="estimated success probability", ylabel="places")

# %% [markdown]
# ## 2. Schedules, and a walk that follows one
#
# A run is cut into *cycles*. A *schedule* says how good a place each cycle should have, as a quantile of all places: 0
# is the worst, 1 the best. Nest's own is the inverted ReLU: climb through the first half, stay on top in the second.
#
# Jumping to another place between cycles would be a new circuit with new noise each time. A *walk* moves at most one
# qubit at a time, so most of the noise stays what it was. Which walk follows the schedule best is a shortest-path
# problem on the graph of places, and it is solved exactly.

# %%
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for shape in ("flat", "low", "linear", "relu", "inverted_relu", "v"):
    levels = qa.Schedule(shape, cycles=8).levels()
    ax.plot(levels, "o-", markersize=4, label=shape, linewidth=3 if shape == "inverted_relu" else 1)
ax.set(xlabel="cycle", ylabel="quantile of the places")
_ = figure.legend(frameon=False, fontsize=8, loc="outside right upper")

# %%
nest = qa.Nest("inverted_relu", cycles=6)
run = qa.vqe(H, ansatz, schedule=nest, backend=device, shots=1024, max_evaluations=EVALUATIONS, rng=0)
print(run)
print("aimed at", run.targets.round(3))
print("walked  ", run.esp.round(3), " qubits changed", run.moves)

# %%
ax = qa.plot.walk(run, device.calibration)

# %% [markdown]
# The walk in numbers and colours: rings of a later cycle lie outside those of an earlier one. Below is the energy of
# every evaluation. At each vertical line the placement changes, and the optimizer (COBYLA) begins anew from the best
# point, with a smaller first step: what it remembers was measured on other qubits. Keep this restart in mind.

# %%
figure = qa.plot.run(run)

# %% [markdown]
# ## 3. Is it the walk, or is it the restarts?
#
# A fair comparison changes one thing at a time, and gives every method the same number of evaluations and the same
# random starts. Here are the rivals, all of them values of the same argument, `schedule=`:
#
# | | place | restarts |
# |---|---|---|
# | `BestMap()` | the best one, one run to its end | no |
# | `BestMap(cycles=6)` | the best one | as Nest |
# | `Nest(cycles=6)` | a walk from poor to best | yes |
# | `RandomJump(cycles=6)` | random places near Nest's levels | as Nest |
# | `ConstantLow(cycles=6)` | a poor one throughout | as Nest |

# %%
policies = {
    "best, one run": qa.BestMap(),
    "best, restarts": qa.BestMap(cycles=6),
    "Nest": nest,
    "random jumps": qa.RandomJump(cycles=6),
    "poor, restarts": qa.ConstantLow(cycles=6),
}
SEEDS = 2 if SMALL else 10
gaps = {name: [] for name in policies}
for seed in range(SEEDS):
    for name, policy in policies.items():
        found = qa.vqe(H, ansatz, schedule=policy, backend=device, shots=1024, max_evaluations=EVALUATIONS, rng=seed)
        gaps[name].append(found.error.value)

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for k, (name, values) in enumerate(gaps.items()):
    ax.plot(np.full(SEEDS, k) + np.linspace(-0.12, 0.12, SEEDS), values, "o", color="#31688e", markersize=5)
    ax.hlines(np.mean(values), k - 0.3, k + 0.3, color="#d1495b", linewidth=2)
    behind = np.subtract(values, gaps["best, restarts"])  # the same starts, so the differences are what counts
    print(f"{name:15} mean energy above exact {np.mean(values):.2f},", end=" ")
    print(f"{behind.mean():+.2f} ± {behind.std() / np.sqrt(SEEDS - 1):.2f} against the best place with restarts")
ax.set_xticks(range(len(gaps)), gaps)
ax.set(ylabel="energy above exact")
ax.grid(alpha=0.25, axis="y")

# %% [markdown]
# Restarts help a lot: the same best place with and without them is the largest difference in the picture. Between the
# policies that *all* restart, the differences are of the size of their errors: other seeds put another one first, as
# you can try. So do not expect lower energies or faster convergence from the walk itself; of a comparison that finds
# them, ask whether the rival restarts, too.
#
# There is another side to it: the walk *costs little*. A program that spends half of its time on poorer qubits ends
# near where the others end. And those qubits were idle.

# %% [markdown]
# ## 4. Several programs on one device
#
# That is where the gain is. Programs that need the best places for a part of their time only can share a device.
# `qa.colocate` plans a walk for each, so that in every cycle at least one idle qubit lies between any two programs
# (`buffer=1`, against crosstalk), and answers all their questions of a round with one merged circuit.

# %%
PROGRAMS = 3 if SMALL else 6
jobs = [
    qa.VariationalJob(H, ansatz, name=f"program {p}", schedule=qa.Schedule("inverted_relu", cycles=6))
    for p in range(PROGRAMS)
]
together = qa.colocate(jobs, backend=device, shots=1024, max_evaluations=EVALUATIONS // 2, rng=0)
print(together)

# %%
figure = qa.plot.strip(together)

# %% [markdown]
# The time on the device is shared: a round costs what its merged circuit costs, however many programs are in it.
# Programs that are alike share it perfectly: as many times the programs per second as there are programs. The price is
# that no program has the best place to itself, so look at the ESPs in the list above, too. What is left of a program's
# quality, and what a device second is worth to you, decides how many to pack.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
left.bar(["one after the other", "together"], [together.alone_seconds, together.device_seconds], color="#31688e")
left.set_ylabel("device seconds")
left.set_title(f"{together.gain:.1f} times the programs per second", fontsize=9)
last = [program.esp[-1] for program in together.programs]
right.bar(range(PROGRAMS), last, color="#35b779")
right.axhline(pool.esp.max(), color="black", linewidth=1, linestyle="--", label="best place")
right.set(xlabel="program", ylabel="ESP in the last cycle", ylim=(0.8 * min(last), 1))
_ = right.legend(frameon=False, fontsize=8)

# %% [markdown]
# ## Exercises
#
# 1. Let `Nest` move two qubits at a time (`moves=2`), or none. How close do the walks come to their targets?
# 2. Compare `qa.Qoncord()` with the policies of section 3. It starts on a poor place and ends on the best one, like
#    Nest, but jumps once. How many evaluations does it use?
# 3. Raise the number of programs until `qa.colocate` refuses. Which is worse for the ESP of the last cycle: one more
#    program, or one more idle qubit between them (`buffer=2`)?
