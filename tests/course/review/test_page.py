"""The page: what hostile notebooks can't do in a browser, and what a mentor can."""

import base64
import contextlib
import io
import itertools
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from course.review.curriculum import Curriculum, Lesson
from course.review.page import html
from course.review.pictures import as_data
from course.review.report import review
from course.review.reviews import Settings
from course.review.stored import parse
from course.review.submissions import Source, Submission
from tests.course.review.makers import code, failed, printed, reviewed, shown, stored, text
from tests.course.review.test_rerun import TINY
from tools.screenshot import browser, find_browser

in_browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")
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


def hostile(said: list[str]) -> bytes:
    """A notebook that says each attack wherever it can say something."""
    cells = []
    for number, attack in enumerate(said):
        forms = {
            "text_plain": attack,
            "text_html": attack,
            "text_markdown": attack,
            "text_latex": attack,
            "application_javascript": attack,
            "image_svg+xml": attack,
            "image_png": attack,
            "image_jpeg": attack,
        }
        record = {
            "exercise": "00.x" if number else attack,
            "outcome": attack,
            "failed": [attack],
            "number": attack,
            "value": 1.0,
            "version": attack,
            "answer": attack,
        }
        cells += [
            text(attack, id=attack),
            code(attack, printed(attack), failed(attack, attack), id=f"{number}", tags=(attack,)),
            code(f"# {number} {attack}", shown(record, **forms), id=f"{number} more"),
            code(f"# {number} html", {"output_type": attack, "data": {attack: attack}}),
            code(f"# {number}", shown(**{k: v for k, v in forms.items() if k != "text_plain"})),
        ]
    document = json.loads(stored(*cells))
    document["metadata"] = {"title": said[0], "kernelspec": {"name": said[-1]}}
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


def page_of(*submissions: Submission, base: bytes = BASE) -> str:
    curriculum = Curriculum((Lesson("00", "00_lesson.ipynb", parse(base)),), {})
    return html(review(submissions, curriculum, Settings(jobs=1)), curriculum, executed=False)


def submission(intern: str, *contents: bytes, where: str = "here", name: str = "00_lesson.ipynb"):
    return Submission(intern, where, tuple(Source(name, lambda c=c: c) for c in contents))


@contextlib.contextmanager
def opened(page: str, folder):
    """The page in a browser, and a function that evaluates JavaScript there."""
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    with browser((1280, 900)) as call:
        call("Page.navigate", url=path.as_uri())

        def evaluate(expression):
            given = call(
                "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
            )["result"]
            assert given.get("subtype") != "error", given
            return given.get("value")

        for _ in range(200):
            if evaluate("document.readyState") == "complete":
                break
        yield evaluate


@in_browser
def test_a_hostile_notebook_runs_nothing_fetches_nothing_and_is_shown(tmp_path):
    with counting() as (server, requests):
        named = [
            submission(attack, hostile([attack]), where=attack, name=f"00{attack}")
            for attack in attacks(server)
        ]
        page = page_of(*named, submission("b", b"not a notebook", name=attacks(server)[4]))
        with opened(page, tmp_path) as evaluate:
            evaluate("document.querySelector('#unfold').click()")
            evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            evaluate("document.querySelectorAll('#overview button').forEach(b => b.click())")
            assert evaluate("new Promise(r => setTimeout(r, 500, 'waited'))") == "waited"
            assert evaluate("window.pwned") is None
            assert evaluate("document.scripts.length") == 1
            strange = "iframe,object,embed,svg,math,link,base,form,foreignObject"
            assert evaluate(f"document.querySelectorAll('{strange}').length") == 0
            handlers = "[...document.querySelectorAll('*')].filter(e => [...e.attributes]"
            handlers += ".some(a => a.name.startsWith('on') || a.name === 'style')).length"
            assert evaluate(handlers) == 0
            links = "[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
            assert all(link.startswith("#s") for link in evaluate(links))
            assert evaluate("document.images.length") == 0
            seen = evaluate("document.body.innerText")
            for attack in attacks(server):
                assert attack in seen
        assert requests == []


@in_browser
def test_even_what_got_into_the_page_unescaped_would_run_and_fetch_nothing(tmp_path):
    with counting() as (server, requests):
        inside = "".join(attacks(server)[:10]) + attacks(server)[12]
        page = page_of(submission("anna", BASE)).replace("</main>", f"{inside}</main>")
        with opened(page, tmp_path) as evaluate:
            assert evaluate("document.querySelectorAll('iframe').length") > 0
            assert evaluate("new Promise(r => setTimeout(r, 500, 'waited'))") == "waited"
            assert evaluate("window.pwned") is None
        assert requests == []


@in_browser
def test_the_same_without_the_policy_would_run_and_fetch(tmp_path):
    """So the test above sees what it is there to see."""
    with counting() as (server, requests):
        inside = "".join(attacks(server)[4:12])
        page = page_of(submission("anna", BASE)).replace("</main>", f"{inside}</main>")
        page = re.sub(r"<meta http-equiv=.Content-Security-Policy.*?>", "", page)
        with opened(page, tmp_path) as evaluate:
            assert evaluate("new Promise(r => setTimeout(r, 500, 'waited'))") == "waited"
            assert evaluate("window.pwned") == 1
        assert "/pixel.png" in requests


def test_no_template_of_a_submission_is_filled_in():
    page = page_of(submission("{{ 7 * 7 }}", stored(code("{{ 7 * 7 }}"))))
    assert "{{ 7 * 7 }}" in page
    assert "49" not in page.split("</style>")[1].split("<script>")[0]


RUN = stored(
    text("# Lesson", id="t"), code("x = 1", id="a"), code("print(x)", printed("1"), id="b", count=2)
)
PAIR = (
    submission("anna", RUN),
    submission("bela", stored(text("# Lesson", id="t"), code("x = 2", id="a", count=3))),
    Submission("cleo", "nowhere", problem="the folder holds no notebooks"),
)


@in_browser
def test_the_table_is_sorted_by_a_click_or_a_key(tmp_path):
    order = "[...document.querySelectorAll('#overview tbody th')].map(th => th.innerText)"
    with opened(page_of(*PAIR), tmp_path) as evaluate:
        assert evaluate(order) == ["anna", "bela", "cleo"]
        button = "document.querySelectorAll('#overview button')"
        evaluate(f"{button}[0].click()")
        evaluate(f"{button}[0].click()")
        assert evaluate(order) == ["cleo", "bela", "anna"]
        assert evaluate(f"{button}[0].closest('th').ariaSort") == "descending"
        evaluate("document.querySelector('#aspect').value = 'trust'")
        evaluate(f"{button}[3].click()")
        assert evaluate(order) == ["anna", "bela", "cleo"]
        evaluate(f"{button}[3].click()")
        assert evaluate(order) == ["bela", "anna", "cleo"], "what isn't there stays last"
        reached = "[...document.querySelectorAll('#overview button, summary, select, a')]"
        assert evaluate(f"{reached}.every(e => e.tabIndex >= 0)")


@in_browser
def test_a_link_opens_what_it_leads_to_and_printing_opens_all(tmp_path):
    opened_now = "[...document.querySelectorAll('details.notebook')].map(d => d.open)"
    with opened(page_of(*PAIR), tmp_path) as evaluate:
        assert evaluate(opened_now) == [False, False]
        evaluate("document.querySelector('a[href=\"#s2-1\"]').click()")
        assert evaluate("new Promise(r => setTimeout(r, 200, 'waited'))") == "waited"
        assert evaluate(opened_now) == [False, True]
        evaluate("dispatchEvent(new Event('beforeprint'))")
        assert evaluate(opened_now) == [True, True]
        evaluate("dispatchEvent(new Event('afterprint'))")
        assert evaluate(opened_now) == [False, True]


@in_browser
def test_headings_go_down_one_level_at_a_time(tmp_path):
    with opened(page_of(*PAIR), tmp_path) as evaluate:
        evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        levels = evaluate(
            "[...document.querySelectorAll('h1,h2,h3,h4,h5')].map(h => +h.localName[1])"
        )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(now - before <= 1 for before, now in itertools.pairwise(levels))


def test_changed_cells_their_outputs_and_figures_stand_in_the_page():
    edited = code("x = 41 + 1", shown(image_png=TINY, text_plain="<Figure>"), id="a")
    same = code("print(x)", printed("secret of the curriculum"), id="b", count=2)
    page = page_of(submission("anna", stored(text("# Lesson", id="t"), edited, same)))
    assert "+ x = 41 + 1" in page
    assert "- x = 1" in page
    assert f'<img src="data:image/png;base64,{TINY}"' in page
    assert "secret of the curriculum" not in page


def test_a_notebook_that_nobody_ran_is_called_so_and_is_no_alarm():
    row = page_of(submission("anna", BASE)).split("<tbody>")[1].split("</tbody>")[0]
    assert 'class="symbol note" aria-hidden="true">·</span>as given out</a>' in row


def test_where_there_is_nothing_to_look_at_the_page_says_so():
    assert "Nothing that a tool could find" in page_of(submission("anna", BASE))


@pytest.mark.parametrize(
    ("mime", "encoded", "reason"),
    [
        ("image/png", "aGVsbG8=", "that holds no such picture"),
        ("image/png", "not base64!", "that holds no such picture"),
        ("image/gif", TINY, "that holds no such picture"),
        ("image/webp", TINY, "of a kind that is not shown"),
        ("image/png", "A" * 1_600_000, "of 1.6 MB, too large to show"),
    ],
)
def test_a_picture_that_is_none_is_not_shown(mime, encoded, reason):
    assert as_data(mime, encoded) == ("", reason)


def test_a_picture_that_would_unfold_to_gigabytes_is_not_shown():
    for size in ((5_000, 5_000), (30_000, 30_000)):
        file = io.BytesIO()
        Image.new("1", size).save(file, "PNG")
        address, reason = as_data("image/png", base64.b64encode(file.getvalue()).decode())
        assert address == ""
        assert "too large to show" in reason or reason == "that holds no such picture"


def test_only_so_many_changed_cells_are_shown():
    strange = stored(*(code(f"print('mine', {n})", count=n + 1) for n in range(300)))
    one = reviewed(strange, BASE)
    assert len(one.changes.changes) == 303
    page = page_of(submission("anna", strange))
    assert page.count("mine', 299") == 0
    assert "243 more changed cells are left out" in page
