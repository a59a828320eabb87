"""The built-in agents of the benchmark: the algorithms of this package as agents, a family a file."""
