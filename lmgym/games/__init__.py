"""Two-player games of perfect information: pure rules, exact values, and players of known strength."""
