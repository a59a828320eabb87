"""What makes a run durable: its folder, checkpoints, metrics, progress."""
