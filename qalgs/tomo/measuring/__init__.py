"""Choosing settings, running them, and keeping what has been measured."""
