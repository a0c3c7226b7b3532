"""IBM quantum computers as a backend.

Axes: K points, p parameters, o observables, G measurement bases, n qubits.

All points of a circuit in all bases are one job of the client's executor-based Sampler, or several where one may not be
so large. Expectation values come from counts by the same formula as on the simulators of this package (see
``grouping``); where they are to be mitigated, from the client's executor-based Estimator, and their errors are those
that it states. Jobs go through a job store, so that none is paid for twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from types import TracebackType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import QuantumCircuit

from qalgs_backends.base import Capabilities, Cost, Counts, Observables, Program, Values
from qalgs_backends.checks import argument, positive_int, real
from qalgs_backends.devices.calibration import Calibration
from qalgs_backends.devices.fidelity import FidelityMap, fidelity_map
from qalgs_backends.errors import CapabilityError
from qalgs_backends.ibm.budget import Budget, job_sizes
from qalgs_backends.ibm.compile import Executable, check_unplaced, compile_program
from qalgs_backends.ibm.desk import Desk
from qalgs_backends.ibm.options import IBMOptions
from qalgs_backends.ibm.remote import IBMRemote
from qalgs_backends.ibm.service import Connection, Machine, open_account, read_machine
from qalgs_backends.ibm.validate import check_age, check_angles, check_frames
from qalgs_backends.jobs.batch import JobBatch
from qalgs_backends.jobs.digest import job_key
from qalgs_backends.jobs.store import JobStore
from qalgs_backends.jobs.stored import StoredJob
from qalgs_backends.program import Identified, check_given, check_program, check_qubits, check_run
from qalgs_backends.rng import RngLike, as_seed_sequence

_DEFAULTS = IBMOptions()


class IBMBackend(Identified):
    """A quantum computer of IBM, reached with the account that is set up on this computer."""

    capabilities: Capabilities

    def __init__(
        self,
        name: str,
        *,
        instance: str | None = None,
        account: str | None = None,
        budget_seconds: float | None = None,
        options: IBMOptions = _DEFAULTS,
        store: JobStore | None = None,
    ) -> None:
        """Sign in and read the machine's calibration.

        Args:
            name: of the machine, such as ibm_fez.
            instance: name or CRN of the service instance; None is the account's.
            account: name of the account; None is the client library's own choice.
            budget_seconds: quantum seconds that this object may spend in all; None leaves it to the account.
            options: how circuits are made ready and run.
            store: of the jobs; None is the one in the user's data folder.

        Raises:
            ValueError: the account has no such machine, or an argument is out of range.
            AuthError: the account is refused, or the token service does not answer.
            CapabilityError: qiskit-ibm-runtime is missing, or the machine lacks what the options ask for.
            TransientError: the service does not answer.
        """
        self.name = f"ibm:{name}"
        if not isinstance(options, IBMOptions):
            raise TypeError(argument("options", "be IBMOptions", f"it is a {type(options).__name__}"))
        budget = Budget(budget_seconds)
        self._options = _with_session_limit(options, budget)
        self._connection = open_account(account, instance)
        self._machine = read_machine(self._connection, name, fractional_gates=options.fractional_gates)
        remote = IBMRemote(self._connection, self._machine, self._options)
        pause = _rep_delay(self._machine, options)
        self._desk = Desk(JobStore() if store is None else store, remote, budget, self._options, pause)
        alive = self.calibration.num_qubits - len(self.calibration.dead_qubits)
        self.capabilities = Capabilities(alive, exact=False, noise=True, gradient=None, remote=True, device=name)

    def __repr__(self) -> str:
        # A debugger may ask while signing in has failed.
        account = self._connection.account.name if hasattr(self, "_connection") else None
        return f"IBMBackend({self.name.removeprefix('ibm:')!r}, account={account!r})"

    def __enter__(self) -> IBMBackend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def calibration(self) -> Calibration:
        """What circuits are placed by."""
        return self._machine.calibration

    @property
    def remaining_seconds(self) -> float | None:
        """What is left of the budget; jobs that have not ended count with their limits. None without a budget."""
        return self._desk.budget.remaining

    def refresh(self) -> None:
        """Read the machine's calibration anew; programs prepared before keep their layout."""
        fractional = self._options.fractional_gates
        self._machine = read_machine(self._connection, self._machine.name, fractional_gates=fractional)

    def close(self) -> None:
        """Close the batch or session; jobs that are submitted run to their end."""
        self._desk.remote.close()

    def prepare(
        self,
        circuit: QuantumCircuit,
        observables: Observables | None = None,
        *,
        qubits: Sequence[int] | None = None,
    ) -> Program:
        """Check, place and compile once; no request is made.

        Args:
            circuit: without classical bits every qubit is measured, in order; otherwise its own measurements count.
                With observables it has to be unitary.
            observables: Hermitian operators on the circuit's qubits; None for a program that is sampled.
            qubits: physical qubit of each virtual qubit; None lets the transpiler choose among the usable ones.

        Raises:
            TypeError: an argument is of the wrong kind.
            ValueError: an argument does not fit the circuit or the machine.
            CapabilityError: the circuit cannot be placed, or does not go with the options.
        """
        check_unplaced(self._options, observables is not None, qubits)
        ready, terms, parameters = check_given(circuit, observables)
        self._check_width(ready)
        chosen = check_qubits(qubits, ready.num_qubits, self.calibration.num_qubits)
        executable = compile_program(ready, parameters, terms, chosen, self.calibration, self._options)
        places = executable.places
        return Program(self.name, circuit, terms, parameters, places.first, places.last, executable, self.identity)

    def expect(
        self,
        program: Program,
        params: ArrayLike | None = None,
        *,
        shots: int | None = None,
        rng: RngLike = None,
    ) -> Values:
        """Expectation values from shots at the (K, p) points ``params``; waits for the machine.

        Raises:
            ValueError: an argument does not fit the program.
            CapabilityError: ``shots`` is None, as there are no exact values here.
            BudgetError: the run would cost more than it may; nothing was submitted.
            JobError: the run ended without a result.
        """
        answer = self.submit(program, params, kind="expect", shots=shots, rng=rng).result()
        assert isinstance(answer, Values)
        return answer

    def sample(self, program: Program, params: ArrayLike | None = None, *, shots: int, rng: RngLike = None) -> Counts:
        """Measured outcomes at the (K, p) points ``params``; waits for the machine. Raises as ``expect`` does."""
        answer = self.submit(program, params, kind="sample", shots=shots, rng=rng).result()
        assert isinstance(answer, Counts)
        return answer

    def gradient(self, program: Program, params: ArrayLike) -> NDArray[np.float64]:
        """Not offered: exact gradients by shifts would take most of an account's month.

        Raises:
            CapabilityError: always.
        """
        raise CapabilityError(f"{self.name} has no gradients; use an optimizer that needs values only, such as SPSA.")

    def submit(
        self,
        program: Program,
        params: ArrayLike | None = None,
        *,
        kind: Literal["expect", "sample"],
        shots: int | None = None,
        rng: RngLike = None,
        max_seconds: float | None = None,
    ) -> StoredJob | JobBatch:
        """Check everything that can be checked here, submit, and return without waiting for the machine.

        A run that is over the limits of one job (``max_executions`` and ``max_points`` of the options) becomes several,
        each with a share of the points, whose answers are joined.

        Args:
            program: from this backend's ``prepare``.
            params: (K, p) or (p,), columns in the order of ``program.parameters``; None when p is 0.
            kind: "expect" for a program with observables, "sample" for one without.
            shots: for each point and measurement basis.
            rng: names the run. The same rng, program, points and shots are the same run, whose stored answer is
                returned instead of paying for it again; None is a new run every time.
            max_seconds: quantum seconds after which the service stops the run; its jobs share them. None is three times
                the estimate and ten more for each job, within the budget.

        Raises:
            TypeError: an argument is of the wrong kind.
            ValueError: an argument does not fit the program, or one point alone would be too large for a job.
            CapabilityError: ``shots`` is None, or the calibration is too old.
            BudgetError: the run would cost more than it may; nothing was submitted.
            AuthError: the account is refused.
            TransientError: the service did not answer; the same call may go through later.
        """
        points = check_run(program, self, params, kind)
        if max_seconds is not None:
            real(max_seconds, "max_seconds", above=0.0)
        executable, shots = program.executable, self._shots(shots)
        check_age(self.calibration, self._options)
        check_angles(executable.circuit, executable.parameters, executable.points(points))
        sizes, draw = job_sizes(executable.num_bases, len(points), shots, self._options), _draw(rng)
        parts: dict[str, NDArray[np.float64]] = {}
        for start, part in zip(np.cumsum([0, *sizes]), np.split(points, np.cumsum(sizes)[:-1]), strict=False):
            # Parts may hold equal points, and are to be drawn anew all the same.
            repeat = f"{draw}+{start}" if start else draw
            parts[self._key(program, part, kind, shots, repeat)] = part
        facts = {"layout": list(executable.places.first), "calibrated_at": self.calibration.calibrated_at}
        return self._desk.post(parts, executable, shots, max_seconds, facts)

    def estimate(self, program: Program, num_points: int = 1, shots: int | None = None) -> Cost:
        """What a run would use, without any request; ``shots`` of the answer are the circuit executions.

        The executions are exact. The quantum seconds are an estimate: the machine's pause between executions, the
        length of the circuit and its readout, and two seconds for the job.

        Raises:
            ValueError: an argument is out of range.
            CapabilityError: ``shots`` is None.
        """
        executable = check_program(program, self).executable
        shots = self._shots(shots)
        sizes = job_sizes(executable.num_bases, positive_int(num_points, "num_points"), shots, self._options)
        return reduce(add, (self._desk.cost(executable, size, shots) for size in sizes))

    def fidelity_map(self, circuit: QuantumCircuit) -> FidelityMap:
        """Every place on the machine where ``circuit`` runs without routing, best first; no request is made."""
        return fidelity_map(self.calibration, circuit)

    def _check_width(self, circuit: QuantumCircuit) -> None:
        widest = self.calibration.num_qubits if self._options.optimization_level is None else None
        widest = self.capabilities.num_qubits if widest is None else widest
        if circuit.num_qubits > widest:
            must = f"have at most {widest} qubits on {self.name}"
            raise ValueError(argument("circuit", must, f"it has {circuit.num_qubits}"))

    def _shots(self, shots: int | None) -> int:
        if shots is None:
            raise CapabilityError(f"{self.name} has no exact values; give `shots`.")
        check_frames(positive_int(shots, "shots"), self._options)
        return int(shots)

    def _key(
        self, program: Program, points: NDArray[np.float64], kind: Literal["expect", "sample"], shots: int, repeat: str
    ) -> str:
        executable: Executable = program.executable
        return job_key(
            self._machine.name,
            executable.source,
            points,
            program.observables or None,
            kind=kind,
            shots=shots,
            options=self._options.facts() | {"qubits": executable.qubits},
            repeat=repeat,
        )


def connect(machine: str) -> IBMRemote:
    """The service that runs ``machine``, with the account that is set up on this computer; for ``remotes``.

    Raises:
        ValueError: the account has no such machine.
        AuthError: the account is refused.
        CapabilityError: qiskit-ibm-runtime is not installed.
    """
    connection: Connection = open_account()
    return IBMRemote(connection, read_machine(connection, machine, fractional_gates=False), _DEFAULTS)


def _draw(rng: RngLike) -> str:
    """What tells one draw of shots from another."""
    return "-".join(str(word) for word in as_seed_sequence(rng).generate_state(4))


def _rep_delay(machine: Machine, options: IBMOptions) -> float:
    if options.rep_delay is None:
        return machine.rep_delay
    limits = machine.rep_delay_range
    if limits is None:
        raise CapabilityError(f"{machine.name} does not let rep_delay be chosen; leave it None.")
    return real(options.rep_delay, "rep_delay", low=limits[0], high=limits[1])


def _with_session_limit(options: IBMOptions, budget: Budget) -> IBMOptions:
    """A session is charged while it is open, so the budget has to end it."""
    if options.mode != "session":
        return options
    if budget.seconds is None:
        must = "be given with mode 'session', which is charged for all the time it is open"
        raise ValueError(argument("budget_seconds", must, "it is None"))
    limit = int(budget.seconds) if options.mode_seconds is None else min(options.mode_seconds, int(budget.seconds))
    return replace(options, mode_seconds=max(1, limit))
