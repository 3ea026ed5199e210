"""What the deployed processes are started with, by the Procfile and by the code."""

from __future__ import annotations

import shlex

from chat.settings import REDIS_VARIABLES, SettingsSchema
from tests.processes import ROOT

# The words of each command; PORT, which only web dynos have, is not set.
PROCFILE = {
    name: [word.replace("${PORT:-5555}", "5555") for word in shlex.split(command)]
    for name, command in (
        line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines() if line
    )
}
_FLOWER = {"FLOWER_BASIC_AUTH", "FLOWER_PORT"}
VARIABLES = (
    {str(field.data_key) for field in SettingsSchema().fields.values()}
    | set(REDIS_VARIABLES)
    | _FLOWER
)
