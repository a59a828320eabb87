"""Silent bugs between the engine and the rollout; see ``mutant.py``."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        kind=1,
        name="engine-keeps-first-weights",
        bug="Generation goes on with a copy of the weights that it has seen first.",
        file="agents/lmgym_agents/engine.py",
        old="make_decoder(self.model, use_graphs=self._use_graphs)",
        new="make_decoder(__import__('copy').deepcopy(self.model), use_graphs=self._use_graphs)",
        tests=(
            "tests/laws/test_generation_laws.py::test_log_probs_of_generation_are_those_of_training_before_and_after_an_update",
        ),
    ),
    Mutant(
        kind=2,
        name="log-probs-before-temperature",
        bug="The sampler reports log-probs at temperature 1.",
        file="agents/lmgym_agents/sampling.py",
        old="tokens[:, 0], logps.gather(-1, tokens)[:, 0]",
        new="tokens[:, 0], logits.float().log_softmax(-1).gather(-1, tokens)[:, 0]",
        tests=(
            "tests/laws/test_generation_laws.py::test_log_probs_of_generation_are_those_of_training_before_and_after_an_update",
        ),
    ),
    Mutant(
        kind=3,
        name="truncated-log-probs-not-renormalised",
        bug="Log-probs after top-k and top-p keep the normaliser of the whole vocabulary.",
        file="agents/lmgym_agents/sampling.py",
        old="return logps.masked_fill(~_is_kept(logps, params), -torch.inf).log_softmax(-1)",
        new="return logps.masked_fill(~_is_kept(logps, params), -torch.inf)",
        tests=(
            "tests/laws/test_generation_laws.py::test_behaviour_log_probs_are_those_of_the_truncated_distribution",
        ),
    ),
    Mutant(
        kind=4,
        name="rows-encoded-again",
        bug="The rows that are trained on are decoded and encoded again.",
        file="agents/lmgym_agents/rollout.py",
        old="input_ids=torch.from_numpy(env.input_ids[:, :width].astype(np.int64)),",
        new="""input_ids=torch.nn.utils.rnn.pad_sequence(
                [
                    torch.tensor(env.tokenizer.encode(text))
                    for text in env.tokenizer.decode_batch(env.input_ids, lengths)
                ],
                batch_first=True,
            )[:, :width],""",
        tests=(
            "tests/laws/test_generation_laws.py::test_trained_ids_are_the_sampled_ids_each_with_its_own_log_prob",
        ),
    ),
    Mutant(
        kind=7,
        name="rollout-log-probs-one-late",
        bug="Log-probs of a response stand one place after their tokens.",
        file="agents/lmgym_agents/rollout.py",
        old="self._logps[at_row, at_position] = logps[at_row, offset]",
        new="self._logps[at_row, at_position] = logps[at_row, np.maximum(offset - 1, 0)]",
        tests=(
            "tests/laws/test_generation_laws.py::test_trained_ids_are_the_sampled_ids_each_with_its_own_log_prob",
        ),
    ),
    Mutant(
        kind=12,
        name="responses-in-another-order",
        bug="Rows get the log-probs of other rows' responses.",
        file="agents/lmgym_agents/rollout.py",
        old="logps = _spread(generation.logps.numpy(), rows, env.num_envs)",
        new="logps = _spread(generation.logps.numpy()[::-1], rows, env.num_envs)",
        tests=(
            "tests/laws/test_generation_laws.py::test_trained_ids_are_the_sampled_ids_each_with_its_own_log_prob",
            "tests/laws/test_generation_laws.py::test_log_probs_of_generation_are_those_of_training_before_and_after_an_update",
        ),
    ),
)
