"""The built-in agents of the benchmark: the algorithms of this package as agents, a family a file.

What is the same for all of them, so that they can be compared: the model that they start from (a job's warm
start), the budget of tokens (acted in counted environments, or read from demonstrations), the problems that
they train on (the train split) and those that they are measured on, greedily. Their options come from what
learned best elsewhere in this repository (benchmarks/learning_suite.py, q_learning.py, offline.py and
expert_iteration.py), scaled to the budget and to the mean length of a demonstration; none was chosen by a
test split. Learning rates fall until the budget is spent.

What each sees beside its rewards:

- ``random``: which characters the task can need. Learns nothing, and so do
- ``optimal``: the problems that it is measured on, with their demonstrations.
- ``sft``: demonstrations, whose tokens are its whole budget. It is paid nothing.
- ``ppo``, ``grpo``, ``reinforce``: nothing.
- ``q_learning``, ``soft_q``: nothing; half of a rollout's rows pose again what was failed before.
- ``ilql``: demonstrations, a quarter of the budget. It acts as the start does, and never tries what it has
  learned.
- ``expert_iteration``: nothing; its searches are charged with the tokens that they sample.
- all but the first two: the mean number of tokens in 64 demonstrations, by which the run is planned.

Gradient steps and operations differ between them, and are told in results; operations are counted as model
FLOPs (``lmgym_agents.flops``): forward passes once, training passes three times, generation as one forward
pass of whole rows.
"""
