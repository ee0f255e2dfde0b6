"""
The control API against its own description. Schemathesis makes the requests, those that fit it and those
that do not, and judges each answer; DEVICEBOUND_SEED repeats a run with another seed than the usual one.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import openapi_spec_validator

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sdk" / "python"))

from harness import Hub  # noqa: E402

SEED = os.environ.get("DEVICEBOUND_SEED", "20240229")
EXAMPLES = 20  # of each operation, beside what covers its description
DOCUMENT = "/control/v1/openapi.json"
GROWTH_MAX_KB = 32 * 1024


def setUpModule():
    global hub
    # A build with AddressSanitizer keeps what was freed: here it would be taken for growth.
    os.environ["ASAN_OPTIONS"] = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=1"]))
    hub = Hub("127.0.130.6", devices=["d1"], options=["--log-level", "error"])


def tearDownModule():
    hub.stop()


def resident_kb():
    status = pathlib.Path(f"/proc/{hub.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


class Api(unittest.TestCase):
    def test_its_description_is_openapi(self):
        openapi_spec_validator.validate(hub.do("GET", DOCUMENT))

    def test_every_answer_is_one_that_the_description_has(self):
        hub.do("POST", "/control/v1/reset")
        before = resident_kb()
        with tempfile.TemporaryDirectory() as empty:  # nothing of an earlier run is tried first
            done = subprocess.run(
                [str(pathlib.Path(sys.executable).with_name("schemathesis")),
                 "--config-file", str(HERE / "schemathesis.toml"), "run", hub.control + DOCUMENT, "--seed", SEED,
                 "--max-examples", str(EXAMPLES), "--continue-on-failure", "--no-color"],
                cwd=empty, env={**os.environ, "PYTHONPATH": str(HERE), "NO_PROXY": "*"}, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240)
        self.assertEqual(done.returncode, 0, done.stdout)
        cases = int(re.search(r"^ *(\d+) generated, \d+ passed$", done.stdout, re.M)[1])
        self.assertGreater(cases, 1000, done.stdout)
        hub.do("POST", "/control/v1/reset")
        growth = resident_kb() - before
        print(f"# | control API, generated requests, seed {SEED}: {cases}, each with an answer of its description, "
              f"memory {growth} KB more |")
        self.assertLess(growth, GROWTH_MAX_KB)
        hub.send("d1", "it lives")
        self.assertEqual(hub.queue("d1"), {"enqueued": 1, "invisible": 0})


if __name__ == "__main__":
    unittest.main()
