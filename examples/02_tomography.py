# %% [markdown]
# # From counts to a density matrix
#
# **What you learn.** To measure a state and reconstruct it, to say how sure you are of its fidelity, to notice when the
# answer flatters you (readout errors, and a rank that is too low), and to fit a larger state on several machines that
# exchange very little.
#
# **How long it takes.** 20 minutes to read, one minute to run.

# %%
import os
import warnings

import matplotlib.pyplot as plt
import numpy as np

import qalgs as qa

SMALL = os.environ.get("QALGS_SMALL") == "1"  # the tests run every notebook with smaller numbers

# %% [markdown]
# ## 1. What is measured, and what is made of it
#
# A state of n qubits is a density matrix ρ of 2ⁿ × 2ⁿ numbers. A measurement shows one string of bits and destroys the
# state, so it is prepared again and again. Measuring in the computational basis alone shows the diagonal of ρ only; to
# see the rest, every qubit is measured along X, Y or Z. A *setting* is one such choice, such as `XZZ` (qubit 0 is the
# rightmost letter); there are 3ⁿ of them. The counts of all settings determine ρ.
#
# We take a GHZ state of three qubits, (|000⟩ + |111⟩)/√2, on a model of a real device, in a place of middling quality.
# As it is a model, we may ask it as often as we like, and so know the answer that a laboratory would not know.

# %%
circuit, ideal = qa.circuits.ghz(3), qa.problems.ghz_state(3)
places = qa.backends.get("noisy:fake_fez").fidelity_map(circuit).regions()
qubits = places.layout(len(places) // 2)
device = qa.backends.get("noisy:fake_fez", qubits=qubits)
program = device.prepare(circuit, qa.problems.ghz_projector(3))
truth = device.expect(program, shots=400_000, rng=1).values[0, 0]
print(f"physical qubits {qubits}: the true fidelity is {truth:.4f}, with the errors of measuring it")

data = qa.measure_paulis(circuit, settings="all", shots=1000, backend=device, rng=1)
print(data)

# %% [markdown]
# `qa.tomography` finds the ρ that explains the counts best. It does not store ρ but a *factor* U with ρ = U U†: then ρ
# is a valid state by construction, and U with r columns means a state of rank r, which needs far fewer numbers than 4ⁿ.
# With `rank="auto"` the smallest rank is taken that predicts a fifth of the shots, kept aside, as well as the best one
# does.

# %%
result = qa.tomography(data, rank="auto", bootstrap=20, rng=1)
print(result)
print(f"fidelity     {result.fidelity(ideal)}   (truth {truth:.4f})")

# %%
ax = qa.plot.city(result, target=ideal)

# %% [markdown]
# The height of a tower is the size of an entry of ρ; the outlines are those of the ideal state. The four corners are
# the GHZ state, the small towers between them are the noise.

# %% [markdown]
# ## 2. Intervals that mean something
#
# The `±` of a fidelity comes from a *bootstrap*: data are drawn again from the fit, fitted again, and the scatter of
# these refits is the error. It knows how much the shots scatter. It cannot know whether the model is right.
#
# The test of an error bar is repetition. We do the whole experiment many times, once with the honest rank and once with
# rank 1, which assumes that the state is pure.

# %%
REPEATS = 4 if SMALL else 20


def repeated(rank, seed):
    """A fresh experiment and its fit."""
    counts = qa.measure_paulis(circuit, settings="all", shots=1000, backend=device, rng=100 + seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", qa.RankBiasWarning)  # that is what we want to look at
        return qa.tomography(counts, rank=rank, bootstrap=20, rng=seed)


runs = {rank: [repeated(rank, seed) for seed in range(REPEATS)] for rank in (1, 8)}

figure, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
for rank, colour in ((1, "#d1495b"), (8, "#31688e")):
    found = [run.fidelity(ideal) for run in runs[rank]]
    values, errors = np.array([f.value for f in found]), np.array([f.err for f in found])
    within = np.mean(abs(values - truth) < 2 * errors)
    label = f"rank {rank}: misfit {np.mean([r.misfit for r in runs[rank]]):.2f}, {within:.0%} within 2 errors"
    ax.errorbar(range(REPEATS), values, 2 * errors, fmt="o", color=colour, capsize=2, label=label)
ax.axhline(truth, color="black", linewidth=1, label="truth")
ax.set(xlabel="experiment", ylabel="fidelity, with 2 standard errors")
_ = figure.legend(fontsize=8, frameon=False, ncols=3, loc="outside upper center")

# %% [markdown]
# Both have small error bars. Rank 8 (any state of three qubits) is right as often as it claims to be. Rank 1 is wrong
# every time, and always upwards: what a pure state cannot express is left out, and what remains looks cleaner than the
# state was. The *misfit* gives it away without knowing the truth: it is about 1 or less when the model explains the
# data, and here it is far above. `qa.tomography` warns of that.
#
# A state that does not fit is as visible in its eigenvalues: here they are with their errors, next to the ideal ones.

# %%
ax = qa.plot.eigenvalues(result, target=[1.0])

# %% [markdown]
# ## 3. The readout is not part of the state
#
# On this device a qubit that is 0 is sometimes read as 1, and the other way round. These errors happen after the state
# is gone, so they should not be blamed on it. With `readout="calibrate"` two further circuits are run, all qubits 0 and
# all qubits 1, and the error rates they show become part of the likelihood. The counts themselves are not touched:
# "correcting" them would make negative probabilities.
#
# To know the truth this time, we ask the same device with perfect readout.

# %%
from dataclasses import replace

perfect = tuple(replace(q, prob_meas1_prep0=0.0, prob_meas0_prep1=0.0) for q in device.calibration.qubits)
silent = qa.backends.get(replace(device.calibration, qubits=perfect), qubits=qubits)
state_truth = silent.expect(silent.prepare(circuit, qa.problems.ghz_projector(3)), shots=400_000, rng=1).values[0, 0]

shots = 1000 if SMALL else 4000
answers = {}
for readout in (None, "calibrate"):
    counts = qa.measure_paulis(circuit, settings="all", shots=shots, backend=device, readout=readout, rng=2)
    fit = qa.tomography(counts, rank=8, bootstrap=20, rng=2)
    answers[readout] = fit.fidelity(ideal), qa.linear_fidelity(counts, ideal)[0]
for readout, (fitted, linear) in answers.items():
    print(f"readout={readout!s:10} fit {fitted}   straight from the counts {linear}")
print(f"truth            with readout errors {truth:.4f}, without {state_truth:.4f}")

# %% [markdown]
# `qa.linear_fidelity` needs no fit and no rank: the fidelity with a known state is a sum of Pauli values, and each can
# be read off the counts. Where all of the needed ones were measured, it is the number to trust.

# %%
figure, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
for row, (fitted, linear) in enumerate(answers.values()):
    ax.errorbar(fitted.value, row + 0.1, xerr=2 * fitted.err, fmt="o", color="#31688e", capsize=3)
    ax.errorbar(linear.value, row - 0.1, xerr=2 * linear.err, fmt="s", color="#35b779", capsize=3)
ax.plot([], [], "o", color="#31688e", label="fit")
ax.plot([], [], "s", color="#35b779", label="from the counts")
ax.axvline(truth, color="0.5", linestyle="--", label="truth with readout errors")
ax.axvline(state_truth, color="black", label="truth without")
ax.set(yticks=[0, 1], yticklabels=["as read", "calibrated"], ylim=(-0.6, 1.6), xlabel="fidelity")
_ = figure.legend(fontsize=8, frameon=False, ncols=4, loc="outside upper center")

# %% [markdown]
# ## 4. A larger state on several machines
#
# For larger states the counts may not fit, or may not be allowed to leave the place where they were taken. *Local SFGD*
# ([arXiv 2203.11579](https://arxiv.org/abs/2203.11579)) leaves them where they are. Each machine holds its own
# settings, takes a number of steps on its own ("local steps"), and only then are the factors averaged. One average is
# one *round* of communication; what travels are the numbers of U, never the counts.
#
# How many steps should a machine take alone? We try, with four machines that live in this process.

# %%
n = 4 if SMALL else 8
big, wanted = qa.circuits.ghz(n), qa.problems.ghz_state(n)
counts = qa.measure_paulis(big, fraction=0.2, shots=2048, backend="aer", rng=3)
print(counts)

fits = {}
for local_steps in (1, 5, 20):
    method = qa.LocalSFGD(machines=4, local_steps=local_steps)
    fits[local_steps] = qa.tomography(counts, rank=1, method=method, target=wanted, bootstrap=0, rng=3)
    sent = fits[local_steps].history["bytes"][-1] / 1e6
    last = 1 - fits[local_steps].fidelity(wanted).value
    first = fits[local_steps].history["infidelity"][0]
    print(f"{local_steps:3} local steps: infidelity {first:.1e} after 1 round, {last:.1e} after", end=" ")
    print(f"{fits[local_steps].rounds} rounds and {sent:.2f} MB")

# %%
labels = [f"{steps} local steps" for steps in fits]
ax = qa.plot.convergence(list(fits.values()), label=labels, xlabel="round of communication")
together = qa.tomography(counts, rank=1, bootstrap=0, rng=3)
reached = 1 - together.fidelity(wanted).value
ax.axhline(reached, color="black", linewidth=1, linestyle="--", label="all the data in one place (L-BFGS)")
_ = ax.legend(frameon=False, fontsize=8)

# %% [markdown]
# With one local step the first rounds are needed to get going; with five or twenty, a single round arrives. What is
# left is scatter: machines that walk alone walk towards the answers of their own data, and the average jumps about. The
# step size is halved whenever the loss stops falling, and that ends it, so in the end all of them come to what the same
# counts give in one place (dashed). 10 local steps are the default. When a round takes milliseconds, as here, none of
# this matters; over a slow network the first few rounds are all you want to wait for.
#
# `engine="mpi"` puts the machines on the ranks of an MPI job and `engine="ray"` on the workers of a cluster; the
# numbers stay the same, bit by bit. A `checkpoint` file makes the run one that may be killed and resumed:
#
# ```sh
# qalgs tomography --qubits 8 --method local-sfgd --engine mpi --machines 4 --checkpoint run.npz
# qalgs tomography --qubits 8 --method local-sfgd --engine mpi --machines 4 --checkpoint run.npz --resume
# ```
#
# ## Exercises
#
# 1. Measure the three-qubit state with 100 and with 10 000 shots a setting. How do the errors of the fidelity scale,
#    and which rank does `rank="auto"` choose?
# 2. Replace the GHZ state by `qa.circuits.w(3)` and `qa.problems.w_state(3)`. Which of the two states does this device
#    prepare better, and is the difference larger than the errors?
# 3. In section 4, use 2, 8 and 16 machines with 10 local steps. What happens to the rounds and to the bytes?
