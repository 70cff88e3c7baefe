"""How the page looks: its words of welcome, its colours, its style sheet."""

import gradio as gr

INTRO = """<h1>Glimpse</h1>
<p>What a small neural network sees in a photo, and where it looks for each word.</p>"""
HINT = """Drop in a photo, paste one or take one: its caption comes here, each word shaded by how sure the model is.

**Choose a word** to see where the model looked for it. Then **ask** about what the caption leaves out."""
FOOTER = """Photos stay on the computer that serves this page and are deleted within two hours, but for what you give to
learn from: corrections, with their photos, and data sets are kept there.
Programs can use the same models through `/caption` and `/ask`: see docs/api.md."""
_DARK, _GREEN = "*primary_800", "*primary_700"  # so dark that small text can be read on and beside it
THEME = gr.themes.Soft(
    primary_hue="emerald", secondary_hue="emerald", neutral_hue="stone", radius_size="lg",
    font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"],
).set(
    color_accent=_GREEN, block_title_text_color=_DARK,
    block_label_text_color=_DARK, block_label_background_fill_dark=_DARK,
    button_primary_background_fill=_GREEN, button_primary_background_fill_dark=_GREEN,
    button_primary_background_fill_hover=_DARK, button_primary_background_fill_hover_dark=_DARK,
    checkbox_label_background_fill_selected=_GREEN, checkbox_label_background_fill_selected_dark=_GREEN,
    body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_300",
)  # fmt: skip
CSS = """
:is(.facts, .scores, .learnt) :is(table, tr, td, th), table:is(.facts, .scores) {border: none !important}
:is(.facts, .scores, .learnt) :is(td, th) {
  padding: .15em 1.25em .15em 0 !important; text-align: left; vertical-align: top;
}
.facts td {white-space: pre-line; overflow-wrap: anywhere}
.facts th, .learnt th {white-space: nowrap}
.scores :is(td, th + th) {text-align: right !important; font-variant-numeric: tabular-nums}
.wrong, .right {border-left: 4px solid #c2410c; padding-left: .75em; margin: .5em 0}
.right {border-color: #059669}
.bar {background: var(--border-color-primary); border-radius: 4px; height: 8px; overflow: hidden; margin: .5em 0}
.bar div {background: var(--color-accent); height: 100%; transition: width 1s}
.learnt {display: grid; grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); gap: 1em}
.learnt > div {display: flex; gap: 1em; align-items: flex-start}
.learnt img {width: 96px; flex: none; border-radius: 6px}
.learnt table {margin: 0 !important}
#packed {display: none}
.gradio-container {max-width: min(1120px, 100vw) !important; margin: auto !important}
.dark {--color-accent: var(--primary-400)}
#intro h1 {font-size: 1.7rem; margin: 0}
#intro p, #hint p, #footer p {color: var(--body-text-color-subdued)}
#hint {padding: 1rem}
#footer p {font-size: .85rem}
#caption .score-token {filter: hue-rotate(150deg); font-size: 1.15rem} /* Gradio's scores are red, which warns */
.submit-button {background: var(--button-primary-background-fill) !important; color: white !important; padding: 0 1rem}
.caption-label {white-space: normal !important; max-width: 92% !important}
/* What is said stays below the label, also when it is scrolled. */
#ask .bubble-wrap {margin-top: 2.6rem; max-height: calc(420px - 2.6rem)}
.fixed-height {min-height: 0 !important; max-height: none !important}
.looked .image-container {padding-top: 2.6rem} /* its label lies beside the picture, not on it */
.looked label {max-width: calc(100% - 6rem)} /* beside its buttons */
.looked .image-frame {width: 100% !important}
.looked img {width: 100%; height: 20rem; object-fit: contain} /* a small photo too: where it looked is to be seen */
@media (max-width: 640px) { /* one column: the caption comes right under the photo */
  #look > div {display: contents}
  #look > div > * {flex: 1 1 100%; min-width: 0 !important}
  #look .later {order: 1}
  .looked .image-container {padding-top: 3.8rem} /* its label may take two lines */
  .looked img {height: auto} /* no empty strips: the picture is as wide as the screen */
  .grid-container {grid-template-columns: 1fr 1fr !important}
}
"""
HEAD = """<meta http-equiv="Content-Security-Policy"
content="default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'">"""  # the browser loads from no other host
