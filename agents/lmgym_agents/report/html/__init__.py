"""``lmgym report``: one HTML page of what a benchmark's or a run's folder holds."""
