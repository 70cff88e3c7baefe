"""The page in a real browser, as a person uses it: one server with toy models, headless Chromium, no other host."""

import functools
import os
import re
import shutil
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from captioner_toys import small_captioner
from served import served
from toys import COLOURS, coco_folder, square
from vqa_toys import QUESTIONS, small_answerer

import captioner
from captioner import SearchSettings

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SLOW = 120_000  # milliseconds: a machine that does much else is no fault of the page
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Toy models and data sets on disk, and the page's workspace."""
    place = tmp_path_factory.mktemp("browser")
    small_captioner().save(place / "captioner")
    for cell in ("gru", "lstm"):
        small_captioner(cell=cell).save(place / "study" / "models" / f"{cell}, full-gate-recurrence")
    small_answerer().save(place / "vqa")
    coco_folder(place / "root" / "squares", copies=1)
    (place / "elsewhere").mkdir()
    (place / "temporary").mkdir()
    (place / "root" / "link").symlink_to(place / "elsewhere")
    square("red", "left").resize((320, 240)).save(place / "photo.png")
    return place


@pytest.fixture(scope="module")
def url(place):
    options = ["--captioner", place / "captioner", "--vqa", place / "vqa", "--workspace", place / "workspace",
               "--data-root", place / "root", "--compare", place / "study"]  # fmt: skip
    with served(*options, temporary=place / "temporary") as url:
        yield f"{url}/"
    assert "Traceback" not in (place / "temporary" / "server.txt").read_text()


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, url):
    """A new visitor's page. Whatever it asks of another host fails the test, and so does an error in its scripts."""
    context = chromium.new_context(viewport={"width": 1200, "height": 1000})
    context.set_default_timeout(SLOW)
    foreign, errors = [], []
    context.on("request", lambda r: r.url.startswith((url, "data:", "blob:")) or foreign.append(r.url))
    visited = context.new_page()
    visited.on("pageerror", lambda error: errors.append(str(error)))
    visited.goto(url)
    yield visited
    picture(visited, "last")
    context.close()
    assert foreign == [] and errors == []


def picture(page, name: str) -> None:
    """What the page looks like, for whoever changes it: `GLIMPSE_SCREENSHOTS=folder pytest -m browser`."""
    if "GLIMPSE_SCREENSHOTS" in os.environ:
        test = os.environ["PYTEST_CURRENT_TEST"].partition("::")[2].partition(" ")[0]
        page.screenshot(path=Path(os.environ["GLIMPSE_SCREENSHOTS"], f"{test}-{name}.png"), full_page=True)


def expect(locator):
    return sync_api.expect(locator)


def give_photo(page, photo: Path) -> str:
    """Upload a photo on the first tab; the caption the page then shows."""
    page.locator("input[type=file]").first.set_input_files(photo)
    words = page.locator("#caption .token")
    expect(words.first).to_be_visible(timeout=SLOW)
    return " ".join(word.strip() for word in words.all_inner_texts())


def test_a_photo_is_captioned_its_words_shown_questions_answered_and_the_caption_corrected(page, place):
    expected_caption = captioner.load(place / "captioner")(place / "photo.png", SearchSettings(beam=3, n=3))
    assert give_photo(page, place / "photo.png") == expected_caption.text
    attended = page.locator(".looked img").first
    whole = attended.get_attribute("src")
    picture(page, "caption")
    page.locator("#caption .token").nth(1).click()
    expect(page.get_by_text(f"Where it looked: “{expected_caption.words[1].text}”").first).to_be_visible()
    expect(attended).not_to_have_attribute("src", whole)
    picture(page, "word")
    box = page.get_by_placeholder("What colour is it?")
    for question in QUESTIONS[:2]:
        box.fill(question)
        box.press("Enter")
        expect(page.locator("#ask .user").get_by_text(question)).to_be_visible()
        expect(box).to_have_value("")
    expect(page.locator("#ask .bot")).to_have_count(2)
    expect(page.locator("#ask").get_by_text("Where it looked:").first).to_be_visible()
    picture(page, "answers")
    page.get_by_text("Not right? Correct it").first.click()
    page.get_by_label("The right caption").fill("a red square on the left")
    page.get_by_label("The right caption").press("Enter")
    expect(page.get_by_text("Kept to retrain with; 1 so far")).to_be_visible()
    page.reload()
    page.get_by_role("tab", name="Retrain").click()
    page.get_by_label("Data set").click()
    expect(page.get_by_role("option", name="The corrections made on this page (1)")).to_be_visible()


def test_inside_shows_gates_and_weighed_words_on_a_phone(page, place):
    page.set_viewport_size({"width": 390, "height": 844})
    give_photo(page, place / "photo.png")
    words = captioner.load(place / "captioner")(place / "photo.png", SearchSettings(beam=3, n=3)).words
    page.get_by_role("tab", name="Inside").click()
    panel = page.locator("#inside")
    expect(panel.locator(".inside > div")).to_have_count(len(words))
    expect(panel.get_by_text("forget, layer 2").first).to_be_visible()
    expect(panel.get_by_role("heading", name=f"1. {words[0].text}", exact=True)).to_be_visible()
    expect(panel.get_by_text("How far back")).to_be_visible()
    expect(panel.locator(".side-by-side dd")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    picture(page, "phone")


def test_a_bad_file_is_told_and_taken_away(page, place):
    (place / "broken.jpg").write_bytes(b"not a photo")
    given = page.locator("#photo").get_by_label("Remove Image")
    page.locator("input[type=file]").first.set_input_files(place / "broken.jpg")
    expect(page.locator("#hint").get_by_text("broken.jpg is not a picture")).to_be_visible(timeout=SLOW)
    expect(given).to_have_count(0)
    give_photo(page, place / "photo.png")
    expect(given).to_be_visible()
    given.click()
    expect(page.locator("#hint")).to_be_visible()
    expect(page.locator("#hint .wrong")).to_have_count(0)


def test_a_zip_is_captioned_and_its_captions_downloaded(page, place):
    with zipfile.ZipFile(place / "album.zip", "w") as album:
        for colour in COLOURS:
            square(colour, "left").save(place / f"{colour}.png")
            album.write(place / f"{colour}.png", f"holiday/{colour}.png")
        album.writestr("holiday/broken.jpg", b"not a photo")
    page.get_by_role("tab", name="Many photos").click()
    page.locator("[role=tabpanel]:visible input[type=file]").first.set_input_files(place / "album.zip")
    page.get_by_role("button", name="Caption them").click()
    expect(page.get_by_text("4 of 5 photos captioned")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("broken.jpg is not a picture")).to_be_visible()
    expected_caption = captioner.load(place / "captioner")(place / "red.png").text
    expect(page.locator("[role=tabpanel]:visible").get_by_text(expected_caption).first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_text("captions.csv").click()
    assert f"red.png,{expected_caption}," in Path(download.value.path()).read_text(encoding="utf-8-sig")


def test_a_model_is_retrained_watched_used_and_downloaded(page, place):
    data = coco_folder(place / "mine", copies=4)
    with zipfile.ZipFile(place / "squares 2.zip", "w") as packed:
        for file in filter(Path.is_file, data.rglob("*")):
            packed.write(file, file.relative_to(place))
    page.get_by_role("tab", name="Retrain").click()
    panel = page.locator("[role=tabpanel]:visible")
    panel.locator("input[type=file]").set_input_files(place / "squares 2.zip")
    expect(panel.get_by_text("training can begin")).to_be_visible(timeout=SLOW)
    expect(panel.get_by_text("48: train 32, val 8, test 8")).to_be_visible()
    picture(page, "checked")
    panel.get_by_text("How it learns").click()
    panel.get_by_label("Train the encoder too").check()
    # A slow finger: the check that the choice began goes on meanwhile, and must not take the click away.
    panel.get_by_role("button", name="Train", exact=True).click(delay=2000)
    expect(panel.get_by_text("is training: epoch")).to_be_visible(timeout=SLOW)

    page.reload()  # mid-training: the page finds its run again
    page.get_by_role("tab", name="Retrain").click()
    expect(panel.get_by_text("captioner-1, on squares-2,")).to_be_visible()
    expect(panel.locator("svg path[aria-roledescription='line mark']").first).to_be_visible(timeout=SLOW)
    expect(panel.get_by_text("The same photos, epoch by epoch")).to_be_visible(timeout=SLOW)
    picture(page, "training")
    expect(panel.get_by_text("is done after epoch")).to_be_visible(timeout=2 * SLOW)
    expect(panel.get_by_role("heading", name="Scores on 8 photos of the test split")).to_be_visible()
    expect(panel.locator(".scores tr").filter(has_text="cider")).to_have_text(re.compile(r"cider\s*[\d.]+\s*[\d.]+"))
    with page.expect_download() as download:
        panel.get_by_role("button", name="Download the model").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(place / "download")
    panel.get_by_role("button", name="Use the new model").click()
    expect(page.get_by_text("now use captioner-1")).to_be_visible()

    page.get_by_role("tab", name="One photo").click()
    old, new = captioner.load(place / "captioner"), captioner.load(place / "download" / "captioner-1")
    how = SearchSettings(beam=3, n=3)
    photo = next(p for p in sorted(data.rglob("*.png")) if new(p, how).text not in ("", old(p, how).text))
    assert give_photo(page, photo) == new(photo, how).text


def test_nothing_outside_the_data_root_can_be_trained_on(page):
    page.get_by_role("tab", name="Retrain").click()
    box = page.get_by_label("Data set")
    for outside in ("/etc", "../elsewhere", "link"):
        box.fill(outside)
        box.press("Enter")
        box.blur()
        expect(page.get_by_text(f"{outside} is not among the data sets of this page")).to_be_visible()
        expect(page.get_by_role("button", name="Train", exact=True)).to_be_disabled()


@pytest.fixture
def elsewhere(tmp_path):
    """The address of another site: a server of files on another port of this machine."""
    (tmp_path / "index.html").write_text("<h1>another site</h1>")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


ATTACKS = """async (url) => {
  const post = {method: "POST", body: JSON.stringify({data: [], fn_index: 0, session_hash: "s"})};
  const plain = {"Content-Type": "text/plain"}, json = {"Content-Type": "application/json"};
  const tries = {
    read: () => fetch(url + "config").then(r => r.text()),
    info: () => fetch(url + "gradio_api/info", {credentials: "include"}).then(r => r.text()),
    ask: () => fetch(url + "gradio_api/queue/join", {...post, headers: json}).then(r => r.text()),
    blind: () => fetch(url + "gradio_api/queue/join", {...post, headers: plain, mode: "no-cors"}).then(r => r.type),
    stream: () => new Promise((yes, no) => {
      const stream = new EventSource(url + "gradio_api/queue/data?session_hash=s");
      stream.onmessage = yes; stream.onerror = () => no(stream.close());
    }),
    logout: () => new Promise((yes, no) => {
      const image = new Image(); image.onload = yes; image.onerror = no; image.src = url + "logout";
    }),
  };
  const found = {};
  for (const [name, run] of Object.entries(tries)) found[name] = await run().then(String, () => "refused");
  return found;
}"""


def test_another_site_neither_reads_nor_acts(chromium, url, elsewhere):
    for site in (elsewhere, elsewhere.replace("127.0.0.1", "localhost")):
        context = chromium.new_context()
        context.set_default_timeout(SLOW)
        codes = {}
        context.on("response", lambda r, codes=codes: r.url.startswith(url) and codes.setdefault(r.url, r.status))
        visited = context.new_page()
        visited.goto(site)
        found = visited.evaluate(ATTACKS, url)
        assert found.pop("blind") == "opaque"  # sent, and its answer cannot be read: the server refused it
        assert found == dict.fromkeys(["read", "info", "ask", "stream", "logout"], "refused")
        assert codes and set(codes.values()) == {403}
        visited.set_content(f"<iframe src='{url}'></iframe>")
        visited.wait_for_timeout(1000)
        assert not any("Glimpse" in frame.content() for frame in visited.frames if frame != visited.main_frame)
        context.close()
