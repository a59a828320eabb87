"""Q functions of language models: heads, targets, losses, replay, and acting by Q."""
