"""Recorded trajectories, and their files."""
