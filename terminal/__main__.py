"""`python -m terminal`: see `terminal.command_line`."""

from terminal.command_line import chat

chat(prog_name="python -m terminal")
