import itertools
import math
import re
import xml.etree.ElementTree as ElementTree

import pytest

from lmgym.errors import InvalidValueError
from lmgym.tokenization import make_tokenizer
from lmgym_agents.report.tree_layout import choose_nodes, lay_out
from lmgym_agents.report.tree_picture import draw_tree
from lmgym_agents.report.visible_text import action_text, visible_text, width_in_cells
from lmgym_agents.search.mcts import MCTS
from lmgym_agents.search.mcts_config import MCTSConfig
from lmgym_agents.search.results import Candidate, SearchResult
from lmgym_agents.search.tree import Node
from tests.agents.search.scripted_tree import ScriptedGame, Spell

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = ["</text><script>x</script>", "a&b<c>\"'", "\x00\x1b[31m", "\u202eabc", "\ud800", "\ufffe",
           "]]>", "e\u0301" * 2 + "\u0301" * 50, "日本", "\n", " ", "", "x" * 10_000]  # fmt: skip


class OneToken:
    """Decodes token i to text i."""

    end_ids = (99,)
    name = "texts"

    def __init__(self, texts):
        self.texts = texts

    def decode(self, ids):
        return "".join(self.texts[i] for i in ids)


def drawn(svg):
    root = ElementTree.fromstring(svg)
    return root, [group for group in root.iter(f"{SVG}g") if group.get("class") == "node"]


def a_result(width=4, **options):
    game = ScriptedGame(width=width, depth=3)
    config = MCTSConfig(accept="any", max_simulations=40, **options)
    return MCTS(game.transitions, game, game, config).search(Spell().problems("train", [7]))[0]


def test_every_visited_node_is_drawn_once():
    result = a_result()
    root, nodes = drawn(draw_tree(result, make_tokenizer("char"), max_nodes=1000))
    assert len(nodes) == sum(node.visits > 0 for node in result.root.walk())
    taken = [edge for edge in root.iter(f"{SVG}path") if edge.get("stroke") == "#D55E00"]
    assert len(taken) == len(result.candidates[0].node.path) - 1 + 1  # and the legend's line
    hidden = [
        int(text.text[1:].split()[0]) for text in root.iter(f"{SVG}text") if text.get("class") == "n more"
    ]
    assert sum(hidden) == sum(not node.visits for node in result.root.walk())


def test_a_large_tree_is_cut_to_the_path_and_the_most_visited():
    result = a_result()
    path = result.candidates[0].node.path
    root, nodes = drawn(draw_tree(result, make_tokenizer("char"), max_nodes=8))
    assert len(nodes) == 8
    chosen = choose_nodes(result.root, path, 8)
    assert {id(node) for node in path} <= chosen
    left = [n.visits for n in result.root.walk() if id(n) not in chosen and id(n.parent) in chosen]
    kept = [n.visits for n in result.root.walk() if id(n) in chosen and n not in path and n.status != "goal"]
    assert max(left) <= min(kept, default=99)
    assert f"8 of {sum(1 for _ in result.root.walk())} nodes drawn" in ElementTree.tostring(root, "unicode")


def test_left_out_branches_are_dashed():
    svg = draw_tree(a_result(width=8, commit_every=1), make_tokenizer("char"), max_nodes=1000)
    assert svg.count('stroke-dasharray="3 3"') >= 1
    assert '"3 3"' not in draw_tree(a_result(), make_tokenizer("char"), max_nodes=1000)


def test_hostile_tokens_stay_text():
    root = Node(state=None, visits=3)
    root.children = [
        Node(state=None, parent=root, action=(i,), depth=1, visits=1, total=0.5) for i in range(len(HOSTILE))
    ]
    problem = Spell().problems("train", [0])[0]._replace(prompt="<svg onload=\x07>" * 300)
    result = SearchResult(
        problem=problem, candidates=(), stop="exhausted", num_nodes=1, num_tokens=1, root=root
    )
    svg = draw_tree(result, OneToken(HOSTILE), title="<b>&\x00</b>", max_nodes=100)
    svg.encode("utf-8")
    tree, nodes = drawn(svg)
    assert len(nodes) == 1 + len(HOSTILE)
    assert {element.tag.removeprefix(SVG) for element in tree.iter()} <= {
        "svg", "title", "style", "rect", "text", "g", "path", "defs", "linearGradient", "stop",
    }  # fmt: skip
    assert not [name for element in tree.iter() for name in element.keys() if name.startswith("on")]
    texts = "".join(tree.itertext())
    assert "<script>" in texts
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u0300-\u036f]", texts)


@pytest.mark.parametrize("value", [math.nan, math.inf, -5.0, 0.0, 3.5, None])
def test_any_value_can_be_drawn(value):
    root = Node(state=None, value=value)
    root.children = [
        Node(
            state=None,
            parent=root,
            action=(0,),
            value=1.0,
            logp=-math.inf,
            path_logp=-math.inf,
            status=status,
        )
        for status in ("open", "closed", "pruned", "goal", "dead")
    ]
    result = SearchResult(
        problem=Spell().problems("train", [0])[0],
        candidates=(),
        stop="nodes",
        num_nodes=1,
        num_tokens=1,
        root=root,
    )
    svg = draw_tree(result, OneToken(["t"]))
    assert len(drawn(svg)[1]) == 6
    assert "nan" not in svg.replace("value unknown", "")


def test_boxes_do_not_overlap():
    result = a_result()
    chosen = {id(node) for node in result.root.walk()}
    boxes = lay_out(result.root, chosen, lambda node: ("word", 4))
    for column in {box.x for box in boxes}:
        places = sorted(box.y for box in boxes if box.x == column)
        assert min((b - a for a, b in itertools.pairwise(places)), default=99) >= 33
    assert all(box.x >= box.parent.x + box.parent.width for box in boxes if box.parent)


def test_a_very_deep_tree():
    root = node = Node(state=None)
    for _ in range(3000):
        node.children = [Node(state=None, parent=node, action=(0,), depth=node.depth + 1)]
        node = node.children[0]
    found = Candidate(state=a_result().answer, score=1.0, path_logp=0.0, node=node)
    result = SearchResult(
        problem=found.state.problem, candidates=(found,), stop="solved", num_nodes=1, num_tokens=1, root=root
    )
    assert len(drawn(draw_tree(result, OneToken(["t"]), max_nodes=5))[1]) == 3001


def test_without_a_tree():
    result = SearchResult(
        problem=Spell().problems("train", [0])[0], candidates=(), stop="nodes", num_nodes=0, num_tokens=0
    )
    with pytest.raises(InvalidValueError, match="no tree to draw"):
        draw_tree(result, OneToken([]))
    with pytest.raises(InvalidValueError, match="max_nodes"):
        draw_tree(a_result(), OneToken([]), max_nodes=0)


@pytest.mark.parametrize(
    ("text", "shown"),
    [(" a b ", "␣a b␣"), ("  ", "␣␣"), ("\n\t", "⏎⇥"), ("\u200b", "⟨200B⟩"), ("\ud800", "⟨D800⟩"), ("", ""),
     ("é", "é"), ("e\u0301", "é"), ("\u0301", "⟨301⟩")],
)  # fmt: skip
def test_visible(text, shown):
    assert visible_text(text) == shown


@pytest.mark.parametrize("size", [1, 2, 5, 6, 39, 40])
def test_long_texts_lose_their_middle(size):
    text = visible_text("".join(chr(97 + i % 26) for i in range(1000)), max_chars=size)
    assert len(text) == size
    assert "…" in text


def test_actions():
    tokenizer = OneToken(["ab", "", "\n"])
    assert action_text((0, 2, 99), tokenizer) == "ab⏎■"
    assert action_text((99,), tokenizer) == "■"
    assert action_text((1,), tokenizer) == "⟨1⟩"
    assert action_text((), tokenizer) == ""
    assert width_in_cells("a日") == 3
