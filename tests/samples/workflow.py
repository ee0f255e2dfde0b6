"""
Workflows of GitHub Actions, as far as a machine of one's own goes.

    workflow.py check FILE…          the shell of every step is shell, and the project's scripts in it exist
    workflow.py json FILE            the file, as JSON
"""

import json
import pathlib
import re
import subprocess
import sys

from ruamel.yaml import YAML


def read(file):
    return YAML(typ="safe").load(pathlib.Path(file))


def check(file):
    for name, job in read(file)["jobs"].items():
        for step in job["steps"]:
            shell = step.get("run", "")
            subprocess.run(["bash", "-n"], input=shell, text=True, check=True)
            for script in re.findall(r"(?:^|\s)(\./\S+)", shell):
                mode = pathlib.Path(script).stat().st_mode
                assert mode & 0o100, f"{file}: {name}: {script} is no program"


if __name__ == "__main__":
    verb, *files = sys.argv[1:]
    for file in files:
        if verb == "check":
            check(file)
        else:
            print(json.dumps(read(file)))
