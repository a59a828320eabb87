"""TRL's GRPOTrainer on an lmgym task, paid by an lmgym reward; then the model is measured like any other.

    python examples/09_trl_grpo.py

TRL does the training: its loop, its loss, its generation. lmgym gives it problems (trl_dataset_rows), a
reward in the form that it takes (to_trl), and says what has been learned. The small model is warm-started by
imitation first, as GRPO needs answers that are right now and then.
"""

import os
import tempfile
import warnings

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
warnings.simplefilter("ignore")  # foreign libraries warn of their own affairs

import datasets  # noqa: E402
import gymnasium as gym  # noqa: E402
import torch  # noqa: E402
import trl  # noqa: E402
from transformers import AutoTokenizer, PrinterCallback  # noqa: E402

import lmgym  # noqa: E402, F401  (registers the environments)
from lmgym.rewards import make_reward, to_trl, trl_dataset_rows  # noqa: E402
from lmgym_agents.agent import LMAgent  # noqa: E402
from lmgym_agents.algorithms.sft import SFT, SFTConfig  # noqa: E402
from lmgym_agents.demonstrations import TaskDemonstrations  # noqa: E402
from lmgym_agents.evaluation import evaluate  # noqa: E402
from lmgym_agents.models import Policy, load_model  # noqa: E402

STEPS = 60


def success(policy: Policy, env: gym.Env) -> float:
    agent = LMAgent(policy, env.tokenizer)
    return evaluate(agent, env.task, split="train", num_problems=64).success.mean


def main(folder: str) -> None:
    env = gym.make("lmgym/Echo-v0").unwrapped
    torch.manual_seed(0)
    model = load_model("nano", tokenizer=env.tokenizer, context=32)
    policy = Policy(model)
    demonstrations = TaskDemonstrations(env.task, tokenizer=env.tokenizer)
    warm_up = SFTConfig(iterations=25, batch_rows=64, optimizer="muon", learning_rate=5e-3)
    for _ in SFT(policy, demonstrations, warm_up).iterations():
        pass
    print(f"after SFT: {success(policy, env):.0%}")

    env.tokenizer.save(f"{folder}/tokenizer")
    config = trl.GRPOConfig(
        output_dir=f"{folder}/out", use_cpu=True, bf16=False, seed=0, report_to="none", save_strategy="no",
        disable_tqdm=True, dataloader_pin_memory=False, gradient_checkpointing=False, logging_steps=15,
        max_steps=STEPS, per_device_train_batch_size=128, num_generations=8, learning_rate=1e-3, beta=0.0,
        max_completion_length=env.max_new_tokens, lr_scheduler_type="constant", log_level="error",
    )  # fmt: skip
    trainer = trl.GRPOTrainer(
        model=model,
        reward_funcs=to_trl(make_reward("correct"), env.task, end_ids=(env.tokenizer.end_id,)),
        args=config,
        processing_class=AutoTokenizer.from_pretrained(f"{folder}/tokenizer", padding_side="left"),
        train_dataset=datasets.Dataset.from_list(trl_dataset_rows(env.task, "train", 512)),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    for entry in trainer.state.log_history:
        if "reward" in entry:
            print(f"TRL step {entry['step']}: reward {entry['reward']:.2f} while sampling")
    print(f"after GRPO: {success(policy, env):.0%}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        main(place)
