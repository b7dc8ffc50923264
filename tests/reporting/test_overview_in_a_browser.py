"""The committed page in a real browser: the first screen, sorting, filtering, keyboard, dark mode, no script."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "page" / "index.html"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SIZES = {"wide": (1400, 900), "narrow": (390, 844)}
SMALLEST_TEXT = 12.0  # CSS pixels
LEAST_CONTRAST = 4.5  # WCAG 2 AA, for text of normal size

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra `dev`)")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed (extra `dev`)")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine (Debian: apt install chromium)"
)

CONTRAST = """() => {
  const channel = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return n.length === 3 ? [...n, 1] : n; };
  const behind = (node) => {
    for (let e = node; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255, 1];
  };
  let contrast = 99, size = 99;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !node.getClientRects().length) continue;
    if (["SCRIPT", "STYLE"].includes(node.tagName) || node.closest(".unseen, .skip, svg")) continue;
    const style = getComputedStyle(node);
    const [a, b] = [light(parse(style.color)), light(behind(node))];
    contrast = Math.min(contrast, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
    size = Math.min(size, parseFloat(style.fontSize));
  }
  return [contrast, size];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        found = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


def _open(browser: Any, size: str = "wide", **settings: Any) -> Any:
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, **settings)
    page.errors = []
    page.on("console", lambda message: page.errors.append(message.text))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(PAGE.as_uri())
    return page


@pytest.mark.parametrize("size", SIZES)
def test_the_first_screen_holds_the_answer(browser: Any, size: str) -> None:
    page = _open(browser, size)
    bottoms = page.eval_on_selector_all(
        "h1, .answer, .found p", "all => all.map((each) => each.getBoundingClientRect().bottom)"
    )
    assert len(bottoms) == 1 + 4 + 3
    assert max(bottoms) <= SIZES[size][1]
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    assert page.errors == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_text_is_large_and_dark_enough(browser: Any, size: str, scheme: str) -> None:
    page = _open(browser, size, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    contrast, smallest = page.evaluate(CONTRAST)
    assert contrast >= LEAST_CONTRAST
    assert smallest >= SMALLEST_TEXT
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_to_mend(browser: Any, size: str, scheme: str) -> None:
    page = _open(browser, size, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    found = axe.Axe().run(page).response
    assert len(found["passes"]) > 20
    assert [(rule["id"], rule["impact"], len(rule["nodes"])) for rule in found["violations"]] == []
    page.close()


def _printed(page: Any) -> list[float]:
    cells = page.eval_on_selector_all(
        "table[data-of=table1] >> nth=0 >> tbody tr:not([hidden]) td:nth-child(2)",
        "all => all.map((each) => each.dataset.key)",
    )
    return [float(cell) for cell in cells if cell]


def test_a_column_is_sorted_by_the_keyboard_both_ways(browser: Any) -> None:
    page = _open(browser)
    header = page.locator("table[data-of=table1]").first.locator("thead th").nth(1)
    button = header.locator("button")
    button.focus()
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    assert (found := _printed(page)) == sorted(found, reverse=True)
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    assert _printed(page) == sorted(found)
    page.close()


def test_rows_are_filtered_by_words_and_by_profile(browser: Any) -> None:
    page = _open(browser)
    whole = len(_printed(page))
    page.locator("input[data-filter=table1]").fill("umgf")
    assert 0 < len(_printed(page)) < whole
    page.locator("input[data-filter=table1]").fill("")
    page.locator("select[data-profile=table1]").select_option("full")
    assert 0 < len(_printed(page)) < whole
    page.close()


def test_a_link_opens_the_proof_that_it_leads_to(browser: Any) -> None:
    page = _open(browser)
    page.locator("#rgcn-twitter2015 .terms a").click()
    proof = page.locator("details:target")
    assert proof.get_attribute("open") is not None
    assert proof.locator("code").first.is_visible()
    page.close()


def test_without_script_all_rows_are_there_and_no_dead_control(browser: Any) -> None:
    page = _open(browser, java_script_enabled=False)
    assert not page.locator("form.filter").first.is_visible()
    assert page.locator("table.rows tbody tr").count() > 40
    assert page.locator("table.rows thead button").count() == 0
    page.close()


def test_the_first_tab_offers_to_skip_to_the_tables(browser: Any) -> None:
    page = _open(browser)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.close()
