"""Draw the README's picture of the live repl: real keys, the suggestions that the model makes of them.

python tests/support/recordings/repl.py checkpoints/everyday.safetensors > tests/support/recordings/repl.svg
"""

from __future__ import annotations

import asyncio
import io
import re
import sys

from prompt_toolkit.data_structures import Point, Size
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.layout.screen import Screen
from prompt_toolkit.output import DummyOutput
from rich.console import Console
from rich.text import Text

from nextword import Predictor
from nextword.config import AdaptConfig
from nextword.interactive.prompt import LivePrompt
from nextword.interactive.repl import Repl

WIDTH = 72
# What is typed, the keys as the caption names them; each goes on from the one before, and Enter ends a line.
SCENES = [
    ("Emma grew up in Fr", "typed: Emma grew up in Fr"),
    ("\t.", "Tab, a period"),
    ("\rOf course she speaks fluent ", "Enter, the next line"),
    ("\t.", "Tab, a period"),
    ("\rShe met Zoltan there.\rThe next day Zo", "two lines on: a name read once"),
    ("\x1b2", "Alt-2"),
]
STYLES = {"class:ghost": "#83898c", "class:number": "#83898c", "class:best": "bold"}


class Paper(DummyOutput):
    """A screen that nobody sees."""

    def get_size(self) -> Size:
        return Size(rows=24, columns=WIDTH)


def drawn(screen: Screen, cursor: Point) -> Text:
    """What is on the screen, the cursor as a block."""
    text = Text()
    for row in range(screen.height):
        line = Text()
        for column in range(WIDTH):
            cell = screen.data_buffer[row][column]
            style = " ".join(STYLES[name] for name in cell.style.split() if name in STYLES)
            line.append(cell.char, "reverse" if (column, row) == cursor else style)
        line.rstrip()
        if line.plain:
            text.append(line).append("\n")
    return text


async def play(repl: Repl, console: Console) -> None:
    """Type all scenes and print the screen after each."""
    with create_pipe_input() as keyboard:
        prompt = LivePrompt(repl, InMemoryHistory(), keyboard, Paper())
        application, seen = prompt.application, asyncio.Event()
        application.after_render += lambda _: seen.set()

        async def ready() -> None:
            seen.clear()
            await seen.wait()

        prompt.begin()
        line = asyncio.ensure_future(application.run_async())
        await ready()
        for keys, caption in SCENES:
            for key in re.findall("\x1b?.", keys, re.DOTALL):
                keyboard.send_text(key)
                if key == "\r":
                    repl.answer(await line)
                    prompt.begin()
                    line = asyncio.ensure_future(application.run_async())
                await ready()
            screen = application.renderer.last_rendered_screen
            assert screen
            console.print(Text(f"{caption:>{WIDTH}}", "italic cyan"))
            console.print(drawn(screen, screen.get_cursor_position(application.layout.current_window)))
        application.exit(result="")
        await line


def main() -> None:
    """Print the picture."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    asyncio.run(play(Repl(Predictor.load(sys.argv[1]), 5, AdaptConfig(), live=True), console))
    print(console.export_svg(title="nextword repl", unique_id="repl"))


if __name__ == "__main__":
    main()
