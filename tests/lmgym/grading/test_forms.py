from __future__ import annotations

import pytest

from lmgym.grading.equality.forms import is_expanded, is_factored, is_simplified, is_solved
from lmgym.grading.notation.parser import parse

SOLVED = [
    text.strip()
    for text in r"""
5 ; -5 ; 5/2 ; -5/2 ; \frac{-5}{2} ; 2.5 ; 2 1/2 ; 50% ; 1.2*10^5 ; 1e5 ; 3\times 10^{-4} ; 110_2 ;
\pi ; \frac{\pi}{4} ; 3\sqrt{2} ; 1+\sqrt{2} ; e^2 ; \frac{1}{\sqrt{2}} ; \sqrt{12} ; \ln 2 ;
\log_2 3 ; 3-2i ; \frac{1+\sqrt{5}}{2} ; \frac{\sqrt{3}}{3} ; \frac{3\sqrt{3}}{4} ; \sqrt[3]{2} ;
2^{1/2} ; \sin(1) ; x=5 ; 5=x ; 3+4=7 ; 18+2\pi ; (1,2) ; \{1,2\} ; [1,2) ; (1,2)\cup(3,4) ; x>=2 ;
1<x<=3 ; x=1 or x=2 ; 1\pm\sqrt{19} ; 90^\circ ; 5\text{ cm} ; \text{tea} ; (x+1)(x-1) ; 2x+3x ;
x+y=2 ; \infty ; -\infty ; \emptyset ; \arctan(2) ; \frac{20000}{\pi} ; \mathbb{R} ;
\frac{\sqrt{6}+\sqrt{2}}{4} ; e^{-1} ; \pi^2
""".split(";")
]

UNSOLVED = [
    text.strip()
    for text in r"""
12*34 ; 1+2 ; 10/4 ; 4/1 ; 6/3 ; \frac{0.5}{2} ; 2\cdot\frac{3}{5} ; \sqrt{16} ; \sqrt{9/4} ; 2^{10} ;
10^5 ; 5! ; |-3| ; i^2 ; i\cdot i ; \sin(0) ; \sin(\pi/6) ; \ln 1 ; \log_2 8 ; \ln(e^2) ;
1+2+\sqrt{2} ; \sqrt{2}+\sqrt{2} ; 2\sqrt3+\sqrt3 ; \sqrt{2}\sqrt{3} ; \frac{2\pi}{4} ; 2x=10 ;
x+1=6 ; x^2=4 ; 2x>4 ; x=3+4 ; (1,4/2) ; \{1,1+1\} ; \binom{4}{2} ; [1,5]\cap[3,8] ; 12*10^5 ;
\lfloor 2.5\rfloor ; \gcd(4,6) ; 2 2/4 ; \sqrt{1+1} ; \arctan(1) ; \sqrt{2}^2 ; 7=3+4 ; --5 ;
2\cdot 3\pi
""".split(";")
]


@pytest.mark.parametrize("text", SOLVED)
def test_solved(text):
    assert is_solved(parse(text))


@pytest.mark.parametrize("text", UNSOLVED)
def test_unsolved(text):
    assert not is_solved(parse(text))


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (
            is_expanded,
            ["x^2+2x+1", "5", "x", "3xy", "-x+1", r"\frac{x+1}{2}", "y=2x+3", r"\sin(x)+x"],
            ["(x+1)^2", "2(x+1)", "x+x", "x(x+1)", "-(x+1)", "x+1+2", "y=2(x+1)", "1+x*(y+2)"],
        ),
        (
            is_factored,
            [
                "(x+1)(x-1)",
                "2(x+1)",
                "x(x+1)^2",
                "x^2+1",
                "x",
                "5",
                "-(x-3)(2x+1)",
                "x^2-2",
                "(a+5)(b+2)",
                "x^2+xy+y^2",
            ],
            [
                "x^2-1",
                "(2x+2)(x-1)",
                "x^2+x",
                "x^2+2x+1",
                "(x^2-1)(x+2)",
                "x^2-y^2",
                "x(x+1)+1*(x+1)",
                "2x+4",
                "x^4+4",
            ],
        ),
        (
            is_simplified,
            [
                "x^2+2x+1",
                r"\frac{x}{2}",
                r"\frac{x+1}{x-1}",
                "3x",
                r"\frac{11+9a}{20}",
                "2(x+1)",
                r"3\sqrt{2}",
                "5/2",
            ],
            ["x+x", "2x/4", r"\frac{x^2-1}{x-1}", "x*x", "2*3x", "x+1+2", r"\frac{x}{x^2}", "10/4", "1*x"],
        ),
    ],
)
def test_forms_of_expressions(check, good, bad):
    assert [text for text in good if not check(parse(text))] == []
    assert [text for text in bad if check(parse(text))] == []
