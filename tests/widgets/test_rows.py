from textual.app import App, ComposeResult
from textual.color import Color

from amx_tui.widgets.rows import RowList


class Listed(App[None]):
    def compose(self) -> ComposeResult:
        yield RowList(lambda index, width: [(f"row {index}", "dim")])


async def test_quiet_words_can_be_read_in_dark_and_light_themes() -> None:
    app = Listed()
    async with app.run_test() as pilot:
        for theme in ("textual-dark", "textual-light", "catppuccin-latte", "solarized-light"):
            app.theme = theme
            await pilot.pause()
            rows = app.query_one(RowList)
            words = rows.base + rows.ink("dim")
            assert words.color is not None and words.bgcolor is not None
            colours = [
                Color.from_rich_color(one).brightness for one in (words.color, words.bgcolor)
            ]
            assert abs(colours[0] - colours[1]) > 0.4, theme
