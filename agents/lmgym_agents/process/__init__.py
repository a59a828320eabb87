"""Process supervision: values of steps, first errors, labels, and the learned reward."""
