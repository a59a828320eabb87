"""Tic-Tac-Toe against a fixed opponent."""

from lmgym.tasks.tic_tac_toe.task import TicTacToe

__all__ = ["TicTacToe"]
