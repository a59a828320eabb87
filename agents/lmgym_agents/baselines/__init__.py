"""Agents of Stable-Baselines3 on the token environments: what others' algorithms reach on the same ground."""
