"""Excited states: the Quantum EigenGame and the methods it is compared with."""
