"""When two expression trees are the same answer."""
