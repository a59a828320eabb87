"""Learned values against exact ones: errors, ordering, and fitness as a heuristic."""
