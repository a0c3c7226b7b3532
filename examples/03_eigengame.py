# %% [markdown]
# # Excited states with the Quantum EigenGame
#
# **What you learn.** To find not only the ground state of a molecule but its lowest levels, what the players of the
# game play for, how the game compares with variational quantum deflation (VQD), and what shots do to it.
#
# **How long it takes.** 15 minutes to read, a minute to run.

# %%
import os
import warnings

import matplotlib.pyplot as plt
import numpy as np

import qalgs as qa

SMALL = os.environ.get("QALGS_SMALL") == "1"  # the tests run every notebook with smaller numbers

# %% [markdown]
# ## 1. The game
#
# The ground state minimises the energy ⟨H⟩: that is a variational eigensolver (VQE). The next level minimises it among
# the states that are *orthogonal* to the ground state, and so on. A quantum computer cannot be told "stay orthogonal",
# so it has to be made worthwhile. In the Quantum EigenGame ([arXiv 2503.13644](https://arxiv.org/abs/2503.13644)) every
# level has a player with a circuit of its own. With M = c − H, where c is above the levels that are sought, player r
# maximises its *utility*
#
# $$u_r = \langle\psi_r|M|\psi_r\rangle - \sum_{j<r} |\langle\psi_j|M|\psi_r\rangle|^2 / \langle\psi_j|M|\psi_j\rangle$$
#
# The first term is the reward for a low energy. The sum is the penalty for whatever the players before it, its
# *parents*, already own. When the parents sit in true levels, nothing is left to gain in their direction, and the best
# move is the next level.
#
# First, hydrogen near its equilibrium: four qubits, and the four lowest levels of two electrons with Sz = 0. Energies
# are in hartree. A molecule gets circuits that conserve its electrons where none are given. The exact levels of such a
# small molecule are known, to compare with.

# %%
molecule = qa.problems.molecule("H2", bond_length=0.742)
exact = molecule.exact_levels(4)
result = qa.eigensolve(molecule, k=4, rng=1)
print(molecule)
print(result)
print(f"off by       {np.abs(result.eigenvalues - exact).max():.0e} hartree")

# %% [markdown]
# Two things happen at the end. The players' states span a small space, and H is diagonalised in that space on a
# classical computer (Rayleigh and Ritz): the levels reported are these Ritz values, `result.energies` are the players'
# own. And each player's *variance* ⟨H²⟩ − ⟨H⟩² is looked at: it is zero in a true level only, so a player knows whether
# it has arrived without knowing the answer.

# %%
figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for r in range(4):
    energy = result.history[f"energy_{r}"]
    ax.plot(result.history["step"], energy, linewidth=1.5, label=f"player {r}")
for value in exact:
    ax.axhline(value, color="0.6", linestyle="--", linewidth=0.8, zorder=0)
ax.set(xlabel="round", ylabel="energy (hartree)")
_ = figure.legend(frameon=False, fontsize=8, ncols=4, loc="outside upper center")

# %% [markdown]
# The players move one after the other: each starts when the one before it has arrived. A player's energy may rise on
# the way: while it is below its level it still holds a part of a parent, and the penalty makes it give that up. So
# energies are reported, never utilities, and a low energy alone proves nothing.

# %% [markdown]
# ## 2. Pulling a molecule apart
#
# How do the levels change when the two atoms are pulled apart? At each distance we start from the players of the
# distance before (`initial=`), as the states change little.

# %%
lengths = np.linspace(0.5, 2.6, 4 if SMALL else 12)
levels, truth, previous, cost = [], [], None, 0
for length in lengths:
    stretched = qa.problems.molecule("H2", bond_length=length)
    previous = qa.eigensolve(stretched, k=4, initial=previous, rng=1)
    levels.append(previous.eigenvalues)
    truth.append(stretched.exact_levels(4))
    cost += previous.counted["energies"]
levels, truth = np.array(levels), np.array(truth)
print(f"largest error {np.abs(levels - truth).max():.1e} hartree, from {cost} energies with gradients")

fine = np.linspace(0.45, 2.7, 10 if SMALL else 46)
curves = np.array([qa.problems.molecule("H2", bond_length=length).exact_levels(4) for length in fine])
figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
names = ["singlet, ground state", "triplet", "singlet", "singlet, both excited"]
for k, colour in enumerate(("#31688e", "#d1495b", "#35b779", "#e5a11a")):
    ax.plot(fine, curves[:, k], color=colour, linewidth=1)
    ax.plot(lengths, levels[:, k], "o", color=colour, markersize=5, label=names[k])
ax.set(xlabel="distance of the atoms (angstrom)", ylabel="energy (hartree)")
ax.legend(frameon=False, fontsize=8)
ax.grid(alpha=0.25)

# %% [markdown]
# Lines are exact, dots are the game. The ground state has its minimum near 0.74 Å. Pulled far apart, it meets the
# triplet: two hydrogen atoms do not care how their spins stand to each other. Such near-degenerate levels are hard to
# find one by one, as a small penalty is enough to push a player into a mixture. The Ritz step at the end sorts the
# mixture out.

# %% [markdown]
# ## 3. LiH, against VQD
#
# VQD ([arXiv 1805.08138](https://arxiv.org/abs/1805.08138)) adds a penalty β |⟨ψⱼ|ψ⟩|² for every parent, with a weight
# β to be chosen: above the gap to the level sought, or players collapse onto their parents. With exact parents the game
# *is* VQD with the weights βⱼ = c − Eⱼ, which it sets by itself. So expect no miracle against a well-chosen β; expect
# one number less to choose.
#
# Both run in the same engine here, with the same circuits, starts and optimizer, so that only the penalty differs.

# %%
lih = qa.problems.molecule("LiH", active_electrons=2, active_orbitals=3)
ansatz = qa.circuits.k_upccgsd(lih, 2)
reference = lih.exact_levels(4)
print(lih, f"and {ansatz.num_parameters} parameters")

methods = {"EigenGame": qa.EigenGame(), "VQD, β = 0.05": qa.VQD(beta=0.05)}
methods |= {"VQD, β = 0.5": qa.VQD(beta=0.5), "VQD, β default": qa.VQD(), "exact": qa.Exact()}
found = {}
for name, method in methods.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # collapsed players are what we want to see
        found[name] = qa.eigensolve(lih, 4, method=method, ansatz=None if name == "exact" else ansatz, rng=1)
    right = np.abs(found[name].eigenvalues - reference) < 1e-6  # NaN where a level was not found
    states = " ".join(player.status for player in found[name].players)
    print(f"{name:15} {right.sum()} of 4 levels, {found[name].counted.get('energies', 0):3} energies   {states}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", width_ratios=[1.5, 1])
columns = [name for name in found if name != "VQD, β default"]
qa.plot.levels([found[name] for name in columns], exact=reference, label=columns, unit="hartree", ax=left)
left.tick_params(axis="x", labelsize=8)
used = {name: each.counted["energies"] for name, each in found.items() if name != "exact"}
right.barh(list(used), list(used.values()), color="#31688e")
right.invert_yaxis()
right.set_xlabel("energies with gradients")
right.tick_params(axis="y", labelsize=8)

# %% [markdown]
# The weight that is too small loses levels, and says so: players end as duplicates of their parents. The default, ten
# times the sum of |coefficients|, is safe and slow, as a steep penalty makes a stiff landscape. A weight a few times
# the gap is the best of all here, better than the game: but the gap is what you were looking for, and the next molecule
# has another. The game needs no such number, and stays within a small factor of the best.

# %% [markdown]
# ## 4. With shots
#
# On hardware every number has an error. So far values were exact; now each circuit gets a number of shots. To compare a
# player with its parents, an interference circuit prepares both states in superposition on one more qubit. The levels
# come with standard errors, from a bootstrap of all that was measured.

# %%
h2 = qa.problems.h2_two_qubits()  # the two-qubit form that the paper prints
shots = 100 if SMALL else 400
method = qa.EigenGame(max_steps=15 if SMALL else 40, restarts=0 if SMALL else 1)
sampled = qa.eigensolve(h2, k=2 if SMALL else 3, method=method, shots=shots, backend="aer", rng=1)
print(sampled)

# %%
electronic = np.linalg.eigvalsh(h2.to_matrix())[: sampled.k]
figure, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
off, own = sampled.eigenvalues - electronic, sampled.energies - electronic
ax.errorbar(np.arange(sampled.k) - 0.08, own, sampled.energies_err, fmt="o", capsize=3, label="players' own energies")
ax.errorbar(np.arange(sampled.k) + 0.08, off, sampled.eigenvalues_err, fmt="s", capsize=3, label="Ritz values")
ax.axhline(0, color="black", linewidth=1)
ax.axhspan(-1.6e-3, 1.6e-3, color="0.85", zorder=0, label="chemical accuracy")
ax.set(xticks=range(sampled.k), xlabel="level", ylabel="off by (hartree)")
_ = ax.legend(frameon=False, fontsize=8)

# %% [markdown]
# A few dozen steps are not enough for the players to arrive, and the result says so. The Ritz values are good all the
# same: they need players that span the right space, not players that sit in its levels. Look at the shots in the cost
# line, too: this is what a molecule on two qubits takes for some thousandths of a hartree.
#
# ## Exercises
#
# 1. Ask for two, four and six levels of LiH. How do the numbers of energies and of cross terms grow (`result.counted`)?
# 2. Give `EigenGame(c=...)` a value below the highest level you ask for. What is said?
# 3. Let all players move at the same time: `EigenGame(schedule="parallel", optimizer="descent")`. How many rounds does
#    it take, and how many would it take if every player had a machine of its own?
