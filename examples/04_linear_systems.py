# %% [markdown]
# # Linear systems, counted honestly
#
# **What you learn.** What it means to "solve" A x = b on a quantum computer, how four solvers compare in the one
# currency that counts, and when a wrapper or a good first guess makes a solve cheaper, and when it does not.
#
# **How long it takes.** 15 minutes to read, half a minute to run.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np

import qalgs as qa

SMALL = os.environ.get("QALGS_SMALL") == "1"  # the tests run every notebook with smaller numbers

# %% [markdown]
# ## 1. A state instead of a vector
#
# Our system is the Poisson equation −u″ = 1 between two walls at u = 0: the shape of a loaded string, u = x(1 − x)/2.
# At N equally spaced points it is a linear system with a tridiagonal matrix.
#
# A quantum solver does not return x. It prepares a *state* of log₂ N qubits whose amplitudes are the entries of x
# divided by the norm of x. To read all of them takes many measurements; it pays if one wants a single number of the
# solution, such as an overlap. Here we simulate the circuit, so we can look at the amplitudes all the same.
#
# The solver is the quantum singular value transformation (QSVT): a circuit that holds A as a block of a larger unitary
# applies a *polynomial* of A to b. The polynomial approximates 1/x where the eigenvalues are.

# %%
A, b = qa.problems.poisson_system(8)
result = qa.linear_solve(A, b, method=qa.QSVT(), eps=1e-2, verify=True)
print(result)

x = np.arange(1, 9) / 9
fine = np.linspace(0, 1, 200)
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(fine, fine * (1 - fine) / 2, color="0.5", label="x(1 - x)/2")
ax.plot(x, result.x, "o", color="#31688e", label="QSVT, 8 unknowns on 3 qubits")
ax.set(xlabel="x", ylabel="u")
_ = ax.legend(frameon=False, fontsize=8)

# %% [markdown]
# Three numbers say what it took:
#
# - *queries*: how often the circuit uses the oracle of the matrix (`U_A`). Everything else is cheap beside it.
# - *success*: the block is only a part of the unitary, so a run succeeds with some probability. Divide the queries by
#   it to get the number *expected* until the first success.
# - *error*: with `eps=1e-2` the state is promised to be within 0.01 of the true one; `verify=True` checks.
#
# The norm of the solution comes from the success probability, so `result.x` has the right scale, too.

# %% [markdown]
# ## 2. Four solvers, one currency
#
# What makes a system hard is its condition number κ, the ratio of its largest to its smallest eigenvalue. Here it grows
# as the square of the number of points. Asymptotic statements such as "κ log(1/ε)" hide the constants, so let us count:
# every circuit is built (or its arithmetic done by `engine="numpy"`, with the same digits and the same counts), and the
# uses of the oracle are counted in what was built.

# %%
solvers = {
    "QSVT": qa.QSVT(),
    "Chebyshev LCU": qa.ChebyshevLCU(),
    "HHL (uses exp(iAt))": qa.HHL(),
    "adiabatic + filter": qa.Adiabatic(),
}
sizes = (2, 4, 8) if SMALL else (2, 4, 8, 16, 32)
kappas, expected = [], {name: [] for name in solvers}
for size in sizes:
    grid, load = qa.problems.poisson_system(size)
    for name, solver in solvers.items():
        solved = qa.linear_solve(grid, load, method=solver, eps=1e-2, engine="numpy", verify=True)
        expected[name].append(solved.queries.expected)
        assert solved.error <= 1e-2
    kappas.append(solved.kappa)

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for (name, queries), marker in zip(expected.items(), "osD^", strict=True):
    ax.loglog(kappas, queries, marker=marker, label=name)
    print(f"{name:20} {queries[-1] / kappas[-1]:5.1f} queries per unit of κ at κ = {kappas[-1]:.0f}")
ax.set(xlabel="condition number", ylabel="expected queries, error 0.01")
ax.legend(frameon=False, fontsize=8)
ax.grid(alpha=0.25, which="both")

# %% [markdown]
# All lines are nearly straight, so all of these solvers scale alike here; they differ by a factor of ten (LCU and HHL
# go up in steps, as their registers hold powers of two). HHL counts another oracle, the evolution exp(iAt), which
# itself would take several uses of `U_A`. The adiabatic walk is ahead because it succeeds almost always, while the
# others throw many runs away. (This load lies mostly along the lowest eigenvector of A, which is kind to all of them;
# for other right-hand sides the success probabilities are lower.)

# %% [markdown]
# ## 3. Does the proximal-point wrapper pay?
#
# The proximal-point wrapper ([arXiv 2406.13879](https://arxiv.org/abs/2406.13879)) solves (1 + ηA) x₁ = x₀ + ηb instead
# of A x = b. The matrix of that system has a smaller condition number κ̂ = κ(1 + η)/(κ + η), so any solver inside takes
# fewer queries. But x₁ is not x: the wrapper makes an error of its own, which shrinks as η grows, and then κ̂
# approaches κ.
#
# With a cold start, x₀ = 0, that is a trade with an exact law: to become s = κ/κ̂ times faster costs, in the worst
# case, an angle of sin θ = (s − 1)/(s + 1), whatever κ is. So being twice as fast costs an error of a third.
# `ProximalPoint(eta="auto")` counts both ways beforehand, and does not wrap where it does not pay.

# %%
targets = (0.6, 0.3, 0.1) if SMALL else (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.03, 0.01)
alone, wrapped = [], []
for eps in targets:
    alone.append(qa.linear_solve(A, b, eps=eps, engine="numpy"))
    wrapped.append(qa.linear_solve(A, b, method=qa.ProximalPoint(), eps=eps, engine="numpy", verify=True))
for eps, one in zip(targets, wrapped, strict=True):
    print(f"error {eps:<4}: {one.notes[0]}")

figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ratio = [w.queries.expected / a.queries.expected for w, a in zip(wrapped, alone, strict=True)]
ax.semilogx(targets, ratio, "o-", label="expected queries, wrapped / alone")
per_run = [w.queries.per_run / a.queries.per_run for w, a in zip(wrapped, alone, strict=True)]
ax.semilogx(targets, per_run, "s--", label="queries of one run, wrapped / alone")
ax.axhline(1, color="black", linewidth=1)
ax.set(xlabel="largest error allowed", ylabel="ratio", ylim=(0, 1.15))
ax.legend(frameon=False, fontsize=8)
ax.grid(alpha=0.25)

# %% [markdown]
# From a cold start the wrapper pays for coarse answers only, with errors above about 0.3. For anything finer `"auto"`
# says so and leaves the solver alone.

# %% [markdown]
# ## 4. With a good first guess
#
# The wrapper was made for warm starts: an x₀ near the solution, from a coarser grid or an earlier time step. But a warm
# start has a simpler use, too. With the residual r = b − A x₀, the correction A⁻¹ r is small, so it need not be
# accurate: `ResidualCorrection` solves for it roughly and adds it to x₀. A fair test lets both begin at the same x₀,
# and includes the solver alone, which ignores it.

# %%
eps, solution = 1e-2, np.linalg.solve(A, b)
direction = np.random.default_rng(1).normal(size=len(b))
direction *= np.linalg.norm(solution) / np.linalg.norm(direction)
alone = qa.linear_solve(A, b, eps=eps, engine="numpy").queries.expected

ratios = (1.05, 2, 5) if SMALL else (1.05, 1.5, 2, 3, 5, 10, 20)
warm = {"proximal point": [], "residual correction": []}
for times in ratios:
    x0 = solution + times * eps * direction
    known = float(np.linalg.norm(x0 - solution))
    for name, method in zip(
        warm, (qa.ProximalPoint(distance=known), qa.ResidualCorrection(distance=known)), strict=True
    ):
        found = qa.linear_solve(A, b, method=method, eps=eps, x0=x0, engine="numpy", verify=True)
        warm[name].append(found.queries.expected)
        assert found.error <= eps

figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for (name, queries), marker in zip(warm.items(), "os", strict=True):
    ax.loglog(ratios, queries, marker=marker, label=name)
ax.axhline(alone, color="black", linewidth=1, linestyle="--", label="QSVT alone, x0 ignored")
ax.set_xticks(ratios, [f"{times:g}" for times in ratios])
ax.minorticks_off()
ax.set(xlabel="error of x0, in units of the error allowed", ylabel="expected queries")
ax.legend(frameon=False, fontsize=8)
ax.grid(alpha=0.25)

# %% [markdown]
# The wrapper pays while x₀ is within a few times the error that is allowed. There, correcting the residual is much
# cheaper still. Further away the wrapper steps aside, and in the end the correction loses as well: the residual has
# grown, most of the amplitude is spent on it, and hardly any run succeeds. So use `ProximalPoint` where |x₀ + ηb⟩ is
# the only state you can prepare, or where a *finite* η is what you want, as in a regularised solution; and correct the
# residual where you can compute it.

# %% [markdown]
# ## 5. With shots
#
# A measurement gives the squares of the entries, with errors, and leaves their signs open. The norm still comes out,
# from the share of the runs that succeed.

# %%
measured = qa.linear_solve(A, b, eps=1e-2, shots=1000 if SMALL else 8000, rng=1)
print(measured)

figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.bar(x, (solution / np.linalg.norm(solution)) ** 2, width=0.06, color="0.8", label="exact")
ax.errorbar(x, measured.probabilities, measured.probabilities_err, fmt="o", capsize=3, label="measured")
ax.set(xlabel="x", ylabel="share of |u|²")
_ = ax.legend(frameon=False, fontsize=8)

# %% [markdown]
# ## Exercises
#
# 1. Replace the right-hand side of section 2 by a random vector (`np.random.default_rng(0).normal(size=size)`). Which
#    solver suffers most, and in which number: the queries of a run, or the success?
# 2. Solve the system of section 1 with `eps=1e-4` and `eps=1e-6`. By how much do the queries grow each time, and does
#    QSVT or the adiabatic walk grow faster?
# 3. In section 4, leave `distance` out of both methods: they then bound the error of x₀ by κ times its residual. What
#    does not knowing it cost?
