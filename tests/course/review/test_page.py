"""The page: what hostile notebooks can't do in a browser, and what a mentor can."""

import base64
import contextlib
import io
import itertools
import json
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from markupsafe import escape
from PIL import Image

from course.review.curriculum import Curriculum, Lesson
from course.review.page import as_data, html
from course.review.report import ReviewOptions, review
from course.review.stored import parse
from course.review.submissions import Source, Submission
from tests.course.review.makers import TINY, code, failed, printed, shown, stored, text

BASE = stored(text("# Lesson", id="t"), code("x = 1", id="a"), code("print(x)", id="b", count=2))


def attacks(server: str) -> list[str]:
    """Texts each of which would do something if it were taken for HTML, SVG, Markdown or LaTeX."""
    return [
        "<script>window.pwned = 1</script>",
        "</script><script>window.pwned = 1</script>",
        "</style><script>window.pwned = 1</script>",
        "</pre></div></details><script>window.pwned = 1</script>",
        '"><img src=x onerror="window.pwned = 1">',
        "' autofocus onfocus='window.pwned = 1' tabindex=1 x='",
        "<svg onload='window.pwned = 1'><script>window.pwned = 1</script></svg>",
        "<svg><foreignObject><iframe srcdoc='<script>top.pwned = 1</script>'></iframe></svg>",
        f"<iframe src='{server}/frame'></iframe>",
        f"<img src='{server}/pixel.png'>",
        f"<link rel=stylesheet href='{server}/style.css'>",
        f"<style>@import url({server}/style.css); body {{display: none}}</style>",
        f"<object data='{server}/object'></object><embed src='{server}/embed'>",
        f"<base href='{server}/'>",
        f"<meta http-equiv=refresh content='0;url={server}/away'>",
        f"<form action='{server}/form'><button autofocus>ok</button></form>",
        "<a href='javascript:window.pwned = 1'>a link</a>",
        "[a link](javascript:window.pwned=1)",
        f"![a picture]({server}/markdown.png)",
        f"$\\href{{javascript:window.pwned=1}}{{x}} \\includegraphics{{{server}/latex.png}}$",
        "{{ 7 * 7 }}{% include '/etc/passwd' %}",
        "<!-- --><!--><script>window.pwned = 1</script>-->",
        "<math><mtext><table><mglyph><style><img src=x onerror='window.pwned = 1'>",
        "&lt;script&gt; stays as it is",
        "<img src=x onerror='setTimeout(() => window.pwned = 1, 200)'>",
    ]


def hostile(attack: str) -> bytes:
    """A notebook that says an attack wherever a valid notebook can say something."""
    mimes = ("text/plain", "text/html", "text/markdown", "text/latex", "application/javascript")
    mimes += ("image/svg+xml", "image/png", "image/jpeg", attack)
    display = {"output_type": "display_data", "data": dict.fromkeys(mimes, attack)}
    fields = ("exercise", "outcome", "number", "version", "answer")
    published = dict.fromkeys(fields, attack) | {"failed": [attack], "value": 1.0}
    html_only = {"output_type": "display_data", "data": {"text/html": attack}, "metadata": {}}
    cells = [
        text(attack),
        code(attack, printed(attack, attack), failed(attack, attack), tags=(attack.split(",")[0],)),
        code(f"# {attack}", display | {"metadata": {"course": published}}),
        code(f"# again {attack}", html_only),
    ]
    document = json.loads(stored(*cells))
    document["metadata"] = {"title": attack, "kernelspec": {"name": attack, "display_name": attack}}
    return json.dumps(document).encode()


@contextlib.contextmanager
def counting():
    """A server on the loopback, and the requests it got."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()


def page_of(*submissions: Submission) -> str:
    curriculum = Curriculum((Lesson("00", "00_lesson.ipynb", parse(BASE)),), {})
    return html(review(submissions, curriculum, ReviewOptions()), curriculum, executed=False)


def submission(intern: str, content: bytes, where: str = "here", name: str = "00_lesson.ipynb"):
    return Submission(intern, where, (Source(name, lambda: content),))


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        try:
            yield started.chromium.launch(executable_path=shutil.which("chromium"))
        except playwright.Error as error:
            pytest.skip(f"no Chromium can be started: {error.message.splitlines()[0]}")


@pytest.fixture
def evaluate(browser, tmp_path):
    """Opens a page, and gives a function that evaluates JavaScript in it."""

    def opened(page: str):
        path = tmp_path / "report.html"
        path.write_text(page, encoding="utf-8")
        tab = browser.new_page()
        tab.goto(path.as_uri())
        return tab.evaluate

    return opened


WAIT = "new Promise(done => setTimeout(done, 500))"


@pytest.mark.slow
def test_a_hostile_notebook_runs_nothing_fetches_nothing_and_is_shown(evaluate):
    with counting() as (server, requests):
        named = [
            submission(attack, hostile(attack), where=attack, name=f"00{attack}")
            for attack in attacks(server)
        ]
        page = evaluate(page_of(*named, submission("b", b"{", name=attacks(server)[4])))
        page("document.querySelectorAll('details').forEach(d => d.open = true)")
        page("document.querySelectorAll('#overview button').forEach(b => b.click())")
        page(WAIT)
        assert page("window.pwned") is None
        assert page("document.scripts.length") == 1
        strange = "iframe,object,embed,svg,math,link,base,form,foreignObject,img"
        assert page(f"document.querySelectorAll('{strange}').length") == 0
        handlers = "[...document.querySelectorAll('*')].filter(e => [...e.attributes]"
        handlers += ".some(a => a.name.startsWith('on') || a.name === 'style')).length"
        assert page(handlers) == 0
        links = page("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))")
        assert all(link.startswith("#s") for link in links)
        seen = page("document.body.innerText")
        assert [attack for attack in attacks(server) if attack not in seen] == []
    assert requests == []


@pytest.mark.slow
@pytest.mark.parametrize("with_policy", [True, False])
def test_the_policy_stops_what_the_template_would_let_through(evaluate, with_policy):
    with counting() as (server, requests):
        inside = "".join(attacks(server)[4:12])
        page = page_of(submission("anna", BASE)).replace("</main>", f"{inside}</main>")
        if not with_policy:
            page = re.sub(r"<meta http-equiv=.Content-Security-Policy.*?>", "", page)
        opened = evaluate(page)
        opened(WAIT)
        assert opened("window.pwned") == (None if with_policy else 1)
    assert requests == [] if with_policy else "/pixel.png" in requests


def test_whatever_a_notebook_says_is_escaped_in_the_page():
    for attack in attacks("http://127.0.0.1"):
        page = page_of(submission(attack, hostile(attack), where=attack, name=f"00{attack}"))
        assert page.count("<script>") == 1
        assert str(escape(attack)) in page
        assert attack == "&lt;script&gt; stays as it is" or "<" not in attack or attack not in page


def test_no_template_in_a_submission_is_filled_in():
    page = page_of(submission("{{ 7 * 7 }}", stored(code("{{ 7 * 7 }}"))))
    assert "{{ 7 * 7 }}" in page
    assert "49" not in page.split("</style>")[1].split("<script>")[0]


PAIR = (
    submission("anna", BASE.replace(b'"execution_count": null', b'"execution_count": 1')),
    submission("bela", stored(text("# Lesson", id="t"), code("x = 2", id="a", count=3))),
    Submission("cleo", "nowhere", problem="the folder holds no notebooks"),
)


@pytest.mark.slow
def test_the_table_is_sorted_by_a_click(evaluate):
    order = "[...document.querySelectorAll('#overview tbody th')].map(th => th.innerText)"
    button = "document.querySelectorAll('#overview button')"
    page = evaluate(page_of(*PAIR))
    assert page(order) == ["anna", "bela", "cleo"]
    page(f"{button}[0].click()")
    page(f"{button}[0].click()")
    assert page(order) == ["cleo", "bela", "anna"]
    assert page(f"{button}[0].closest('th').ariaSort") == "descending"
    page("document.querySelector('#aspect').value = 'progress'")
    page(f"{button}[3].click()")
    page(f"{button}[3].click()")
    assert page(order)[-1] == "cleo", "what isn't there comes last"


@pytest.mark.slow
def test_a_link_opens_what_it_leads_to_and_printing_opens_all(evaluate):
    open_now = "[...document.querySelectorAll('details.notebook')].map(d => d.open)"
    page = evaluate(page_of(*PAIR))
    assert page(open_now) == [False, False]
    page("document.querySelector('a[href=\"#s2-1\"]').click()")
    page(WAIT)
    assert page(open_now) == [False, True]
    page("dispatchEvent(new Event('beforeprint'))")
    assert page(open_now) == [True, True]
    page("dispatchEvent(new Event('afterprint'))")
    assert page(open_now) == [False, True]


def test_headings_go_down_one_level_at_a_time():
    levels = [int(level) for level in re.findall(r"<h(\d)", page_of(*PAIR))]
    assert (levels[0], levels.count(1)) == (1, 1)
    assert all(now - before <= 1 for before, now in itertools.pairwise(levels))


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


def test_only_so_many_changed_cells_are_shown():
    page = page_of(submission("a", stored(*(code(f"f('mine', {n})") for n in range(100)))))
    assert "mine&#39;, 99" not in page
    assert "43 more changed cells are left out" in page
