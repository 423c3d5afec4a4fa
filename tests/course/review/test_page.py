"""The page: what hostile notebooks can't do in a browser, and what a mentor can."""

import base64
import io
import re
import shutil
from pathlib import Path

import pytest
from markupsafe import escape
from PIL import Image

from course.review.curriculum import Curriculum, Lesson
from course.review.marks import MEANINGS
from course.review.page import SYMBOLS, as_data, html
from course.review.report import ReviewOptions, review
from course.review.stored import parse
from course.review.submissions import Source, Submission
from tests.course.review.makers import TINY, code, failed, printed, shown, stored, text

BASE = stored(text("# Lesson", id="t"), code("x = 1", id="a"), code("print(x)", id="b", count=2))
ATTACKS = [  # each would do something if it were taken for HTML, SVG, Markdown or a template
    "</pre></div></details></style></script><script>window.pwned = 1</script>",
    "\"><img src=x onerror='window.pwned = 1'>",
    "' autofocus onfocus='window.pwned = 1' tabindex=1 x='",
    "<svg onload='window.pwned = 1'><script>window.pwned = 1</script></svg>",
    "<iframe src='http://a.test/frame' srcdoc='<script>top.pwned = 1</script>'></iframe>",
    "<img src='http://a.test/pixel.png'><link rel=stylesheet href='http://a.test/style.css'>",
    "<style>@import url(http://a.test/style.css); body {display: none}</style>",
    "<object data='http://a.test/object'></object><embed src='http://a.test/embed'>",
    "<base href='http://a.test/'><meta http-equiv=refresh content='0;url=http://a.test/away'>",
    "<form action='http://a.test/form'><button autofocus>ok</button></form>",
    "<a href='javascript:window.pwned = 1'>a link</a> [a link](javascript:window.pwned=1)",
    "![a picture](http://a.test/markdown.png) {{ 7 * 7 }}{% include '/etc/passwd' %}",
    "&lt;script&gt; stays as it is",
]


def hostile(attack: str) -> bytes:
    """A notebook that says an attack wherever a valid notebook can say something."""
    mimes = ("text/plain", "text/html", "application/javascript", "image/svg+xml", "image/png")
    published = dict.fromkeys(("exercise", "outcome", "number", "version", "answer"), attack)
    display = {
        "output_type": "display_data",
        "data": dict.fromkeys((*mimes, attack), attack),
        "metadata": {"course": published | {"failed": [attack], "value": 1.0}},
    }
    return stored(
        text(attack),
        code(attack, printed(attack, attack), failed(attack, attack), tags=(attack,)),
        code(f"# {attack}", display),
        code(f"# again {attack}", shown(text_html=attack)),
    )


def page_of(*submissions: Submission) -> str:
    curriculum = Curriculum((Lesson("00", "00_lesson.ipynb", parse(BASE)),), {})
    return html(review(submissions, curriculum, ReviewOptions()), curriculum, executed=False)


def submission(intern: str, content: bytes, where: str = "here", name: str = "00_lesson.ipynb"):
    return Submission(intern, where, (Source(name, lambda: content),))


HOSTILE = [submission(each, hostile(each), where=each, name=f"00{each}") for each in ATTACKS]
PAIR = (
    submission("anna", BASE.replace(b'"execution_count": null', b'"execution_count": 1')),
    submission("bela", stored(text("# Lesson", id="t"), code("x = 2", id="a", count=3))),
    Submission("cleo", "nowhere", problem="the folder holds no notebooks"),
)


def test_the_guide_explains_each_mark_and_no_other():
    guide = (Path(__file__).parents[3] / "docs" / "mentors.md").read_text("utf-8")
    rows = re.findall(r"^\| ([✓·!]) ([\w ]+) \| .+ \| .+ \|$", guide, re.MULTILINE)
    explained = {kind: sign for sign, kind in rows}
    assert explained == {kind: SYMBOLS[meaning.level] for kind, meaning in MEANINGS.items()}


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        try:
            yield started.chromium.launch(executable_path=shutil.which("chromium"))
        except playwright.Error as error:
            pytest.skip(f"no Chromium can be started: {error.message.splitlines()[0]}")


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a page: gives a function that evaluates JavaScript, and the requests it makes."""

    def opened(page: str):
        path = tmp_path / "report.html"
        path.write_text(page, encoding="utf-8")
        tab, requests = browser.new_page(), []
        tab.route(
            re.compile("^http"), lambda route: (requests.append(route.request.url), route.abort())
        )
        tab.goto(path.as_uri())
        tab.wait_for_timeout(300)
        return tab.evaluate, requests

    return opened


@pytest.mark.slow
def test_a_hostile_notebook_runs_nothing_fetches_nothing_and_is_shown(opened):
    evaluate, requests = opened(page_of(*HOSTILE))
    evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    evaluate("document.querySelectorAll('#overview button').forEach(b => b.click())")
    assert evaluate("window.pwned") is None
    assert evaluate("document.scripts.length") == 1
    strange = "iframe,object,embed,svg,math,link,base,form,foreignObject,img"
    assert evaluate(f"document.querySelectorAll('{strange}').length") == 0
    handlers = "[...document.querySelectorAll('*')].filter(e => [...e.attributes]"
    handlers += ".some(a => a.name.startsWith('on') || a.name === 'style')).length"
    assert evaluate(handlers) == 0
    links = evaluate("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))")
    assert all(link.startswith("#s") for link in links)
    seen = evaluate("document.body.innerText")
    assert [attack for attack in ATTACKS if attack not in seen] == []
    assert requests == []


@pytest.mark.slow
@pytest.mark.parametrize("with_policy", [True, False])
def test_the_policy_stops_what_the_template_would_let_through(opened, with_policy):
    page = page_of(PAIR[0]).replace("</main>", f"{''.join(ATTACKS[1:8])}</main>")
    if not with_policy:
        page = re.sub(r"<meta http-equiv=.Content-Security-Policy.*?>", "", page)
    evaluate, requests = opened(page)
    assert evaluate("window.pwned") == (None if with_policy else 1)
    assert ("http://a.test/pixel.png" in requests) == (not with_policy)
    assert bool(requests) == (not with_policy)


@pytest.mark.slow
def test_the_table_is_sorted_by_a_click(opened):
    order = "[...document.querySelectorAll('#overview tbody th')].map(th => th.innerText)"
    button = "document.querySelectorAll('#overview button')"
    evaluate, _ = opened(page_of(*PAIR))
    assert evaluate(order) == ["anna", "bela", "cleo"]
    evaluate(f"{button}[0].click()")
    evaluate(f"{button}[0].click()")
    assert evaluate(order) == ["cleo", "bela", "anna"]
    assert evaluate(f"{button}[0].closest('th').ariaSort") == "descending"
    evaluate(f"{button}[3].click()")
    evaluate(f"{button}[3].click()")
    assert evaluate(order)[-1] == "cleo", "what isn't there comes last"


@pytest.mark.slow
def test_a_link_opens_what_it_leads_to_and_printing_opens_all(opened):
    open_now = "[...document.querySelectorAll('details.notebook')].map(d => d.open)"
    evaluate, _ = opened(page_of(*PAIR))
    assert evaluate(open_now) == [False, False]
    evaluate("document.querySelector('a[href=\"#s2-1\"]').click()")
    evaluate("new Promise(done => setTimeout(done, 200))")
    assert evaluate(open_now) == [False, True]
    evaluate("dispatchEvent(new Event('beforeprint'))")
    assert evaluate(open_now) == [True, True]
    evaluate("dispatchEvent(new Event('afterprint'))")
    assert evaluate(open_now) == [False, True]


def test_whatever_a_notebook_says_is_escaped_and_no_template_is_filled_in():
    page = page_of(*HOSTILE)
    assert page.count("<script>") == 1
    for attack in ATTACKS:
        assert str(escape(attack)) in page
        assert "<" not in attack or attack not in page


def test_changed_cells_their_outputs_and_figures_are_in_the_page():
    edited = code("x = 41 + 1", shown(image_png=TINY, text_plain="<Figure>"), id="a")
    same = code("print(x)", printed("secret of the curriculum"), id="b", count=2)
    page = page_of(submission("anna", stored(text("# Lesson", id="t"), edited, same)))
    assert "+ x = 41 + 1" in page
    assert "- x = 1" in page
    assert f'<img src="data:image/png;base64,{TINY}"' in page
    assert "secret of the curriculum" not in page


def test_a_notebook_that_nobody_ran_is_no_alarm():
    page = page_of(submission("anna", BASE))
    row = page.split("<tbody>")[1].split("</tbody>")[0]
    assert 'class="symbol note" aria-hidden="true">·</span>as given out</a>' in row
    assert "Nothing that a tool can find" in page


@pytest.mark.parametrize(
    ("mime", "encoded", "reason"),
    [
        ("image/png", "aGVsbG8=", "can't be read"),
        ("image/png", "not base64!", "can't be read"),
        ("image/gif", TINY, "can't be read"),
        ("image/webp", TINY, "is of a kind that is not shown"),
        ("image/png", "A" * 1_600_000, "has 1.6 MB, too much to show"),
    ],
)
def test_what_only_claims_to_be_a_picture_is_not_shown(mime, encoded, reason):
    assert as_data(mime, encoded) == ("", reason)


def test_a_small_file_with_a_huge_picture_is_not_shown():
    file = io.BytesIO()
    Image.new("1", (5_000, 5_000)).save(file, "PNG")
    encoded = base64.b64encode(file.getvalue()).decode()
    assert as_data("image/png", encoded) == ("", "has 5,000 × 5,000 pixels, too many to show")
