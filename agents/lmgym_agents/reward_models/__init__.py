"""Reward models: scalars learned from preferences, and what can be done with them.

scorer     ``ResponseScorer``: ``score(prompts, responses)``, ``score_with_std(prompts, responses)``
pairs      ``PreferencePairs``: preference records as pairs, split so that no prompt crosses
losses     ``preference_loss``: Bradley and Terry's model with ties, margins, smoothing, weights
"""
