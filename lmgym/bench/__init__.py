"""The benchmark's data and arithmetic: suites, results, statistics, rankings. No torch, and nothing runs."""
