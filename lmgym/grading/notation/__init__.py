"""How answers are written: from text, plain or LaTeX, to expression trees and back."""
