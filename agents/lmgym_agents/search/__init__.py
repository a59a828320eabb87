"""Search over immutable states of tasks, with a language model as the guide; see docs/search.md."""
