"""IBM quantum computers as a backend.

Axes: K points, p parameters, o observables, G measurement bases, n qubits.

All points of a circuit in all bases are one job of the client's executor-based Sampler. Expectation values come from
counts by the same formula as on the simulators of this package (see ``grouping``). Jobs go through a job store, so that
none is paid for twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import QuantumCircuit

from qalgs_backends.base import Capabilities, Cost, Counts, Observables, Program, Values
from qalgs_backends.checks import argument, one_of, positive_int, real
from qalgs_backends.devices.calibration import Calibration
from qalgs_backends.devices.fidelity import FidelityMap, fidelity_map
from qalgs_backends.errors import AuthError, CapabilityError, ExecutionError
from qalgs_backends.ibm.budget import Budget, quantum_seconds
from qalgs_backends.ibm.compile import Executable, check_given, compile_program
from qalgs_backends.ibm.options import IBMOptions
from qalgs_backends.ibm.remote import IBMRemote, Payload
from qalgs_backends.ibm.service import Connection, Machine, open_account, read_machine
from qalgs_backends.ibm.validate import check_age, check_angles, check_size
from qalgs_backends.jobs.answers import unpack
from qalgs_backends.jobs.digest import job_key
from qalgs_backends.jobs.remote import RemoteResult
from qalgs_backends.jobs.store import JobStore
from qalgs_backends.jobs.stored import StoredJob
from qalgs_backends.program import check_circuit, check_observables, check_params, check_program, check_qubits
from qalgs_backends.rng import RngLike, as_seed_sequence

_DEFAULTS = IBMOptions()


class IBMBackend:
    """A quantum computer of IBM, reached with the account that is set up on this computer."""

    name: str
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
        if not isinstance(options, IBMOptions):
            raise TypeError(argument("options", "be IBMOptions", f"it is a {type(options).__name__}"))
        self._budget = Budget(budget_seconds)
        self._options = _with_session_limit(options, self._budget)
        self._connection = open_account(account, instance)
        self._machine = read_machine(self._connection, name, fractional_gates=options.fractional_gates)
        self._each = _rep_delay(self._machine, options)
        self._store = JobStore() if store is None else store
        self._remote = IBMRemote(self._connection, self._machine, self._options)
        self.name = f"ibm:{name}"
        alive = self.calibration.num_qubits - len(self.calibration.dead_qubits)
        self.capabilities = Capabilities(alive, exact=False, noise=True, gradient=None, remote=True, device=name)

    def __repr__(self) -> str:
        return f"IBMBackend({self._machine.name!r}, account={self._connection.account.name!r})"

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
        return self._budget.remaining

    def refresh(self) -> None:
        """Read the machine's calibration anew; programs prepared before keep their layout."""
        fractional = self._options.fractional_gates
        self._machine = read_machine(self._connection, self._machine.name, fractional_gates=fractional)

    def close(self) -> None:
        """Close the batch or session; jobs that are submitted run to their end."""
        self._remote.close()

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
        check_given(self._options, observables is not None, qubits)
        given = circuit
        circuit = check_circuit(circuit, observed=observables is not None)
        terms = check_observables(observables, circuit.num_qubits)
        self._check_width(circuit)
        chosen = check_qubits(qubits, circuit.num_qubits, self.calibration.num_qubits)
        parameters = tuple(given.parameters)
        if not terms and circuit.num_clbits == 0:
            circuit = circuit.copy()
            circuit.measure_all()
        executable = compile_program(circuit, parameters, terms, chosen, self.calibration, self._options)
        return Program(self.name, given, terms, parameters, executable.layout, executable)

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
    ) -> StoredJob:
        """Check everything that can be checked here, submit one job, and return without waiting for the machine.

        Args:
            program: from this backend's ``prepare``.
            params: (K, p) or (p,), columns in the order of ``program.parameters``; None when p is 0.
            kind: "expect" for a program with observables, "sample" for one without.
            shots: for each point and measurement basis.
            rng: names the run. The same rng, program, points and shots are the same run, whose stored answer is
                returned instead of paying for it again; None is a new run every time.
            max_seconds: quantum seconds after which the service stops the job; None is three times the estimate and
                ten more, within the budget.

        Raises:
            TypeError: an argument is of the wrong kind.
            ValueError: an argument does not fit the program, or the job would be too large.
            CapabilityError: ``shots`` is None, or the calibration is too old.
            BudgetError: the run would cost more than it may; nothing was submitted.
            AuthError: the account is refused.
            TransientError: the service did not answer; the same call may go through later.
        """
        executable = self._check_run(program, kind, shots)
        points = check_params(program, params)
        if max_seconds is not None:
            real(max_seconds, "max_seconds", above=0.0)
        shots = positive_int(shots, "shots")
        executed = executable.points(points)
        cost = self.estimate(program, len(points), shots)
        check_size(cost.shots, self._options)
        check_age(self.calibration, self._options)
        check_angles(executable.circuit, executable.parameters, executed)
        key = job_key(
            self._machine.name,
            executable.source,
            points,
            program.observables or None,
            kind=kind,
            shots=shots,
            options=self._options.facts() | {"qubits": executable.qubits},
            repeat=_draw(rng),
        )
        payload = Payload(executable.circuit, executed[:, list(executable.columns)], shots, self._options)
        return self._post(key, payload, executable, cost, max_seconds)

    def estimate(self, program: Program, num_points: int = 1, shots: int | None = None) -> Cost:
        """What a run would use, without any request; ``shots`` of the answer are the circuit executions.

        The executions are exact. The quantum seconds are an estimate: the machine's pause between executions, the
        length of the circuit and its readout, and two seconds for the job.

        Raises:
            ValueError: an argument is out of range.
            CapabilityError: ``shots`` is None.
        """
        executable = check_program(program, self.name).executable
        positive_int(num_points, "num_points")
        if shots is None:
            raise CapabilityError(f"{self.name} has no exact values; give `shots`.")
        circuits = num_points * executable.num_bases
        executions = circuits * self._options.effective_shots(positive_int(shots, "shots"))
        seconds = quantum_seconds(executions, self._each + executable.seconds)
        return Cost(executions, circuits, 1, seconds, 0.0)

    def fidelity_map(self, circuit: QuantumCircuit) -> FidelityMap:
        """Every place on the machine where ``circuit`` runs without routing, best first; no request is made."""
        return fidelity_map(self.calibration, circuit)

    def _check_width(self, circuit: QuantumCircuit) -> None:
        widest = self.calibration.num_qubits if self._options.optimization_level is None else None
        widest = self.capabilities.num_qubits if widest is None else widest
        if circuit.num_qubits > widest:
            must = f"have at most {widest} qubits on {self.name}"
            raise ValueError(argument("circuit", must, f"it has {circuit.num_qubits}"))

    def _check_run(self, program: Program, kind: str, shots: int | None) -> Executable:
        one_of(kind, "kind", ("expect", "sample"))
        executable: Executable = check_program(program, self.name).executable
        if (executable.grouping is None) == (kind == "expect"):
            must = f"be prepared {'with' if kind == 'expect' else 'without'} observables"
            raise ValueError(argument("program", must, f"kind is {kind!r}"))
        if shots is None:
            raise CapabilityError(f"{self.name} has no exact values; give `shots`.")
        return executable

    def _post(
        self, key: str, payload: Payload, executable: Executable, cost: Cost, max_seconds: float | None
    ) -> StoredJob:
        limit = self._budget.reserve(key, cost.quantum_seconds, max_seconds)
        sent = False

        def factory() -> Payload:
            nonlocal sent
            sent = True
            return payload

        def decode(result: RemoteResult, used: Cost) -> Values | Counts:
            if result.facts.get("quantum_seconds") is not None:
                self._budget.settle(key, used.quantum_seconds)
            return _decode(executable, result, used)

        spec = {"shots": cost.shots, "circuits": cost.circuits, "estimated_seconds": cost.quantum_seconds}
        spec |= {"layout": list(executable.layout), "calibrated_at": self.calibration.calibrated_at}
        submit = self._store.resume if self._options.resend else self._store.submit
        try:
            return submit(self._remote, key, factory, spec, limit, decode=decode)
        except (AuthError, ExecutionError):
            sent = False  # the service did not take it
            raise
        finally:
            if not sent:
                self._budget.settle(key, 0.0)


def connect(machine: str) -> IBMRemote:
    """The service that runs ``machine``, with the account that is set up on this computer; for ``remotes``.

    Raises:
        ValueError: the account has no such machine.
        AuthError: the account is refused.
        CapabilityError: qiskit-ibm-runtime is not installed.
    """
    connection: Connection = open_account()
    return IBMRemote(connection, read_machine(connection, machine, fractional_gates=False), _DEFAULTS)


def _decode(executable: Executable, result: RemoteResult, cost: Cost) -> Values | Counts:
    counts = unpack(result, cost)
    if executable.grouping is None or not isinstance(counts, Counts):
        return counts
    values, errors = executable.grouping.estimate(counts.outcomes, counts.shots)
    return Values(values, errors, counts.shots, cost)


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
