"""The subcommands of ``lmgym`` that need torch, one module each."""
