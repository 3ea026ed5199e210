"""`python -m terminal`: see `terminal.command`."""

from terminal.command import chat

chat(prog_name="python -m terminal")
