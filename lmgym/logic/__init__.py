"""Logic: formulas, a proof kernel, proof checkers, and bridges to other provers."""
