"""The page of the admin port as a person has it: in a real Chromium, before a real sidecar with real traffic."""

import json

import pytest
from test_mounted_bundle import Mount, document, sidecar  # noqa: F401 (a fixture)
from tierrouter_process import CHAT, KEYS, router_file, serving

from browser import BrowserMissing, Chromium, find_chromium
from provider import Answer, Status
from provider.usage import Tokens
from tierrouter_core.canonical import canonical_json, digest

EVIL = "<img src=x onerror=\"document.title='owned'\">"
MORE = """  deepShare: {maxPercent: 5, by: Turns, window: 24h, minPrompts: 3, action: Alert}
  budgets: [{name: day, scope: Router, window: 24h, limitUSD: "1.00", onExhausted: Warn}]"""
SHOWN = "document.querySelectorAll('#tiers tbody tr').length > 3"


@pytest.fixture(scope="module")
def program():
    try:
        return find_chromium()
    except BrowserMissing as error:
        pytest.skip(f"NOT RUN, for want of a browser: {error}")


@pytest.fixture
async def page(program):
    async with Chromium(program) as browser, browser.page() as opened:
        yield opened


async def cells(page, table):
    """The texts of a table's body."""
    return await page.js(
        f"[...document.querySelectorAll('#{table} tbody tr')].map(row => [...row.cells].map(cell => cell.innerText))"
    )


async def focused(page):
    """What has the keyboard, and whether that can be seen."""
    return await page.js(
        "(() => { const at = document.activeElement, style = getComputedStyle(at);"
        " return [at.id || at.getAttribute('aria-labelledby') || at.innerText || at.tagName,"
        " style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2] })()"
    )


async def test_a_person_sees_what_was_served_and_what_it_cost(page, tmp_path, provider):
    provider.always(Answer(usage=Tokens(input=10_000, cached=8_000, output=500)))
    async with serving(tmp_path, "-f", router_file(tmp_path, provider, more=MORE), variables=KEYS) as served:
        for _ in range(3):
            await served.post()
        await served.post(x_tierrouter_hint="deep")
        await page.goto(served.admin_url + "/")
        await page.until(SHOWN)
        rows = {row[0].split("\n")[0].removesuffix("expensive").strip(): row for row in await cells(page, "tiers")}
        assert [rows[name][3] for name in ("routine", "reasoning", "deep", "local", "fallback")] == [
            "3",
            "0",
            "1",
            "0",
            "0",
        ]
        assert "75.0 %" in rows["routine"][2]
        assert rows["routine"][4:7] == ["30.0k", "80.0 %", "1.50k"]
        facts = await page.js("[...document.querySelectorAll('#facts .value')].map(each => each.innerText)")
        told = (await served.get("/view")).json
        assert facts == [fact["value"] for fact in told["facts"]]
        assert facts[2:4] == ["25.0 %", "4"]
        problems = await page.js("[...document.querySelectorAll('#problems li')].map(each => each.innerText)")
        assert problems == ["Expensive tiers have 25.0 % of turns; 5 % are allowed"]
        assert [row[1] for row in await cells(page, "recent")] == ["deep", "routine", "routine", "routine"]

        await served.post()
        await page.until("document.querySelectorAll('#recent tbody tr').length === 5")
        assert (
            await page.js("document.title")
            == f"coding: {(await served.get('/view')).json['facts'][0]['value']} spent – TierRouter"
        )
        assert page.console == []
        assert {url.removeprefix(served.admin_url) for url in page.requested} == {
            *("/", "/page.css", "/page.js", "/icon.svg", "/view"),
        }


async def test_it_needs_no_mouse(page, tmp_path, provider):
    async with serving(tmp_path, "-f", router_file(tmp_path, provider), variables=KEYS) as served:
        await served.post()
        await page.goto(served.admin_url + "/")
        await page.until(SHOWN)
        way = []
        for _ in range(6):
            await page.press("Tab")
            way.append(await focused(page))
        assert [name for name, _ in way] == ["pause", "h-tiers", "h-recent", "Summary", "Metrics", "Status"]
        assert all(is_seen for _, is_seen in way), way

        await page.js("document.activeElement.blur()")
        await page.js("document.getElementById('pause').focus()")
        await page.press("Enter")
        assert await page.js("document.getElementById('state').innerText") == "Paused"
        await served.post()
        await page.press(" ")
        await page.until("document.querySelectorAll('#recent tbody tr').length === 2")
        assert await focused(page) == ["pause", True], "the focus stays where it was while figures change"
        assert page.console == []


async def test_tables_pictures_and_states_have_names_for_who_hears_the_page(page, tmp_path, provider):
    async with serving(tmp_path, "-f", router_file(tmp_path, provider), variables=KEYS) as served:
        await served.post()
        await page.goto(served.admin_url + "/")
        await page.until(SHOWN)
        assert await page.js("document.documentElement.lang") == "en"
        assert await page.js(
            "[...document.querySelectorAll('table')].every(each => each.caption.innerText || each.caption.textContent)"
        )
        assert await page.js("[...document.querySelectorAll('tbody th')].every(each => each.scope === 'row')")
        assert await page.js("[...document.querySelectorAll('thead th')].every(each => each.scope === 'col')")
        assert await page.js("document.querySelectorAll('h1').length") == 1
        assert await page.js("document.querySelectorAll('[aria-live], [role=status], [role=alert]').length") == 1
        nodes = (await page.send("Accessibility.getFullAXTree"))["nodes"]
        named = [
            (node["role"]["value"], node.get("name", {}).get("value"))
            for node in nodes
            if not node["ignored"] and node["role"]["value"] in ("button", "link", "region", "table", "status")
        ]
        assert named and all(name or role == "status" for role, name in named), named


async def test_names_that_are_markup_are_shown_as_they_are(page, tmp_path, document):  # noqa: F811
    mount = Mount(tmp_path / "config")
    made = json.loads(
        document().decode().replace("kimi-k2-6", json.dumps(EVIL)[1:-1]).replace('"coding"', json.dumps(EVIL))
    )
    del made["sha256"]
    mount.swap({"stable.json": canonical_json({**made, "sha256": digest(canonical_json(made))})})
    async with sidecar(tmp_path, mount) as pod:
        assert (await pod.post()).status == 200
        await page.goto(pod.admin_url + "/")
        await page.until(SHOWN)
        assert (await cells(page, "tiers"))[0][1] == EVIL
        assert await page.js("document.getElementById('title').innerText") == EVIL
        assert await page.js("document.querySelectorAll('img, script:not([src])').length") == 0
        assert EVIL in await page.js("document.title")
        assert page.console == []


async def test_what_a_provider_says_is_text_too(page, tmp_path, provider):
    async with serving(tmp_path, "-f", router_file(tmp_path, provider), variables=KEYS) as served:
        provider.always(
            Status(402, body={"error": {"message": f"insufficient_quota {EVIL}", "code": "insufficient_quota"}})
        )
        await served.post()
        await page.goto(served.admin_url + "/")
        await page.until("document.querySelectorAll('#problems li').length > 0")
        assert EVIL in await page.js("document.getElementById('problems').innerText")
        assert await page.js("document.querySelectorAll('img').length") == 0
        assert page.console == []


async def test_a_sidecar_that_goes_away_is_said_and_found_again(page, tmp_path, provider):
    file = router_file(tmp_path, provider)
    async with serving(tmp_path / "one", "-f", file, variables=KEYS) as served:
        await page.goto(served.admin_url + "/")
        await page.until(SHOWN)
        assert await page.js("document.getElementById('state').innerText") == "Live"
        port, admin_port = served.port, served.admin_port
        assert await served.stop() == 0
    await page.until("document.getElementById('state').innerText.startsWith('No answer since ')")
    async with serving(tmp_path / "two", "-f", file, variables=KEYS, port=port, admin_port=admin_port):
        await page.until("document.getElementById('state').innerText === 'Live'")


# Of what is seen, all that ends beyond its card, or would have to be scrolled to within it.
BEYOND = """[...document.querySelectorAll('main td, main th, main dd, main li')].filter(at => {
  const card = at.closest('#facts > div, section');
  return at.getClientRects().length && !at.closest('.unseen') && card
    && at.getBoundingClientRect().right > card.getBoundingClientRect().right - 4;
}).map(at => at.innerText)"""


async def test_nothing_is_cut_off_however_narrow_the_screen(page, tmp_path, provider):
    file = router_file(tmp_path, provider, more=MORE)
    # As long as names may be.
    file.write_text(file.read_text().replace("reasoning", "a-tier-with-a-name-that-is-forty-letters"))
    provider.always(Answer(usage=Tokens(input=20_000, output=300)))
    async with serving(tmp_path, "-f", file, variables=KEYS) as served:
        await served.post()
        await served.post(x_tierrouter_hint="a-tier-with-a-name-that-is-forty-letters")
        provider.script(Status(500), Status(500))
        await served.post()
        for width in (320, 360, 390, 768, 1280):
            await page.looks(width=width, height=800)
            await page.goto(served.admin_url + "/")
            await page.until(SHOWN)
            assert await page.js("document.documentElement.scrollWidth") <= width
            if width != 320:
                assert await page.js(BEYOND) == []


async def test_it_says_that_turns_fail_though_every_provider_is_still_asked(page, tmp_path, provider):
    async with serving(tmp_path, "-f", router_file(tmp_path, provider, more=MORE), variables=KEYS) as served:
        provider.always(Status(400))
        for _ in range(3):
            await served.post()
        await page.goto(served.admin_url + "/")
        await page.until(SHOWN)
        problems = await page.js("[...document.querySelectorAll('#problems li')].map(each => each.innerText)")
        assert problems == ["3 of the latest 3 turns failed: 3 without an answer; the log says why"]


async def test_every_text_can_be_told_from_its_ground(page, tmp_path, provider):
    """The contrast that WCAG asks for (AA: 4.5), of every text that is seen, in the light and in the dark."""
    async with serving(tmp_path, "-f", router_file(tmp_path, provider, more=MORE), variables=KEYS) as served:
        provider.script(Status(500), Status(500), Status(429, headers={"retry-after": "60"}))
        for _ in range(3):
            await served.post(CHAT, x_tierrouter_hint="deep")
        for scheme in ("light", "dark"):
            await page.looks(width=1280, height=900, scheme=scheme)
            await page.goto(served.admin_url + "/")
            await page.until(SHOWN)
            worst = await page.js(CONTRAST)
            assert worst[0] >= 4.5, (scheme, worst)


CONTRAST = """(() => {
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const found = parts(getComputedStyle(node).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  let worst = [99, ""];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !node.offsetParent || node.closest("noscript, .unseen")) continue;
    const [a, b] = [light(parts(getComputedStyle(node).color)), light(ground(node))];
    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (contrast < worst[0]) worst = [contrast, texts.currentNode.data];
  }
  return worst;
})()"""
