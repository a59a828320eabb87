"""Silent bugs in the page on which people compare responses; see ``mutant.py``."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

GUARD = "tests/lmgym/preferences/test_label_guard.py"
SERVER = "tests/lmgym/preferences/test_label_server.py"
DESK = "tests/lmgym/preferences/test_label_desk.py"
QUESTIONS = "tests/lmgym/preferences/test_label_questions.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        kind=39,
        name="any-token-opens-the-page",
        bug="The token of the address is not compared.",
        file="lmgym/preferences/label/guard.py",
        old='return prefix == f"{self._keys.folder}/enter" and self._keys.is_token(token)',
        new='return prefix == f"{self._keys.folder}/enter" and bool(token)',
        tests=(f"{GUARD}::TestWhoMayComeIn::test_another_token_is_refused",),
    ),
    Mutant(
        kind=39,
        name="a-cookie-of-any-value",
        bug="Whoever sends a cookie of our name may come in.",
        file="lmgym/preferences/label/guard.py",
        old="return any([hmac.compare_digest(value, self._cookie.encode()) for value in values])",
        new="return bool(values)",
        tests=(f"{GUARD}::TestWhoMayComeIn::test_without_the_cookie_there_is_nothing",),
    ),
    Mutant(
        kind=39,
        name="any-host",
        bug="A foreign name that points to this machine is served: DNS rebinding.",
        file="lmgym/preferences/label/guard.py",
        old="if len(hosts) != 1 or hosts[0] not in self._hosts:",
        new="if len(hosts) != 1:",
        tests=(f"{GUARD}::TestWhoMayComeIn::test_another_name_is_refused",),
    ),
    Mutant(
        kind=39,
        name="a-post-from-anywhere",
        bug="Another page that is open in the browser can judge.",
        file="lmgym/preferences/label/guard.py",
        old='if _values(scope, b"origin") != [f"http://{hosts[0]}"]:',
        new='if not _values(scope, b"host"):',
        tests=(f"{GUARD}::TestWhoMayComeIn::test_a_post_of_another_page_changes_nothing",),
    ),
    Mutant(
        kind=39,
        name="no-content-security-policy",
        bug="The browser would run what a response holds, if it came to that.",
        file="lmgym/preferences/label/guard.py",
        old='    "Content-Security-Policy": POLICY,\n',
        new="",
        tests=(f"{SERVER}::TestWhatIsAnswered::test_every_answer_has_the_headers",),
    ),
    Mutant(
        kind=39,
        name="inline-scripts-may-run",
        bug="The policy lets scripts run that stand in the page itself.",
        file="lmgym/preferences/label/guard.py",
        old="script-src 'self';",
        new="script-src 'self' 'unsafe-inline';",
        tests=(f"{SERVER}::TestWhatIsAnswered::test_every_answer_has_the_headers",),
    ),
    Mutant(
        kind=39,
        name="a-cookie-that-scripts-read",
        bug="The cookie is not HttpOnly and goes along with requests of other pages.",
        file="lmgym/preferences/label/guard.py",
        old="/; HttpOnly; SameSite=Strict",
        new="/",
        tests=(f"{GUARD}::TestWhoMayComeIn::test_the_token_opens_the_page_and_the_cookie_keeps_it_open",),
    ),
    Mutant(
        kind=39,
        name="the-page-listens-to-the-world",
        bug="The server listens on every interface.",
        file="lmgym/preferences/label/serving.py",
        old="found.bind((LOOPBACK, port))",
        new='found.bind(("0.0.0.0", port))',
        tests=(f"{GUARD}::TestSockets::test_only_the_loopback_interface_listens",),
    ),
    Mutant(
        kind=39,
        name="responses-become-html",
        bug="What a model wrote is parsed as HTML.",
        file="lmgym/preferences/label/page/text.js",
        old="document.createTextNode(text)",
        new="document.createRange().createContextualFragment(text)",
        tests=(
            f"{SERVER}::TestWhatIsAnswered"
            "::test_the_page_holds_no_script_or_style_of_its_own_and_nothing_from_elsewhere",
        ),
    ),
    Mutant(
        kind=39,
        name="directions-are-not-shown",
        bug="A response can turn the text around it right to left, unseen.",
        file="lmgym/preferences/label/visible.py",
        old='not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")',
        new='not in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp")',
        tests=(QUESTIONS,),
    ),
    Mutant(
        kind=40,
        name="the-winner-is-a-place",
        bug="The record holds the responses in the order of the file, the ranks in the order shown.",
        file="lmgym/preferences/label/desk.py",
        old="record = make_record(self.rater, asking.comparison, judgement, now=utc_now())",
        new="""texts = tuple(asking.comparison.responses[place] for place in asking.shown)
        record = make_record(
            self.rater, asking.comparison._replace(responses=texts), judgement, now=utc_now()
        )""",
        tests=(f"{DESK}::test_the_side_that_was_chosen_wins_whatever_order_was_shown",),
    ),
    Mutant(
        kind=40,
        name="another-raters-verdicts-are-ones-own",
        bug="What another rater said counts as said, and can be taken back.",
        file="lmgym/preferences/label/desk.py",
        old="if preference.annotator == rater and asking_id in self._ids:",
        new="if asking_id in self._ids:",
        tests=(f"{DESK}::test_what_another_rater_said_is_still_open",),
    ),
    Mutant(
        kind=40,
        name="undo-in-memory-alone",
        bug="A verdict that was taken back is there again after a restart.",
        file="lmgym/preferences/label/desk.py",
        old="        self.log.retract(earlier.key, time=utc_now())\n",
        new="",
        tests=(DESK,),
    ),
    Mutant(
        kind=40,
        name="undo-of-any-verdict",
        bug="An old page takes back a verdict that is not the last one.",
        file="lmgym/preferences/label/desk.py",
        old="if next(reversed(self._said)) != saying.question:",
        new="if saying.question not in self._said:",
        tests=(DESK,),
    ),
    Mutant(
        kind=40,
        name="a-verdict-is-written-twice",
        bug="A verdict that is sent again because its answer got lost is a second verdict.",
        file="lmgym/preferences/label/desk.py",
        old='            if earlier.extra.get("request") == saying.request:\n                return  #',
        new='            if earlier.extra.get("request") == saying.request:\n                pass  #',
        tests=(f"{DESK}::test_what_was_heard_before_changes_nothing",),
    ),
    Mutant(
        kind=40,
        name="sides-are-not-drawn",
        bug="The first response of the file always stands on the left.",
        file="lmgym/preferences/label/schedule.py",
        old="side, draw, gap = bits & 1, bits >> 11,",
        new="side, draw, gap = bits & 0, bits >> 11,",
        tests=(QUESTIONS,),
    ),
    Mutant(
        kind=40,
        name="a-repetition-shows-the-same-sides",
        bug="Who always says left is steady.",
        file="lmgym/preferences/label/schedule.py",
        old="_ask(question._replace(repetition=question.repetition + 1), 1 - side)",
        new="_ask(question._replace(repetition=question.repetition + 1), side)",
        tests=(QUESTIONS,),
    ),
)
