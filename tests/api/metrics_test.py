"""/metrics as Prometheus reads it: its own parser, and its conventions on names."""

import pathlib
import re
import sys
import unittest
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sdk" / "python"))

from harness import Hub  # noqa: E402

API = "/control/v1"
D1 = f"{API}/devices/d1"


def setUpModule():
    global hub
    hub = Hub("127.0.130.7", devices=["d1", "d2"])


def tearDownModule():
    hub.stop()


def scrape():
    """The families by name. The parser strips `_total` from names of counters."""
    with urllib.request.urlopen(hub.control + "/metrics") as answer:
        kind = answer.headers["Content-Type"]
        assert kind.startswith("text/plain; version=0.0.4"), kind
        text = answer.read().decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    return families, text


def samples(family):
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in family.samples}


def rising(families):
    """Every series that may only rise: counters, and what a histogram counts."""
    found = {}
    for family in families.values():
        if family.type in ("counter", "histogram"):
            found.update(samples(family))
    return found


def refuse(status, *request):
    assert hub.ask(*request)[0] == status


class Metrics(unittest.TestCase):
    def test_each_has_help_type_and_a_name_by_the_conventions(self):
        # Source: prometheus.io, "Metric and label naming", and the rules of `promtool check metrics`.
        families, text = scrape()
        self.assertGreater(len(families), 15)
        helped = re.findall(r"^# HELP (\S+) \S.*\.$", text, re.M)
        typed = dict(re.findall(r"^# TYPE (\S+) (counter|gauge|histogram)$", text, re.M))
        self.assertEqual(sorted(helped), sorted(typed), "one HELP and one TYPE each")
        self.assertEqual(len(typed), len(families))
        for name, kind in typed.items():
            self.assertRegex(name, r"^(devicebound|process)(_[a-z]+)+$")
            self.assertEqual(name.endswith("_total"), kind == "counter", name)
            self.assertNotRegex(name, r"_(count|sum|bucket)$")
            words = name.split("_")
            self.assertFalse({"counter", "gauge", "histogram", "metric"} & set(words), name)
            self.assertFalse({"ms", "millis", "milliseconds", "us", "minutes", "hours", "kb", "kilobytes", "mb",
                              "percent"} & set(words), f"{name} has a unit that is no base unit")
        for family in families.values():
            for sample in family.samples:
                for label in sample.labels:
                    self.assertRegex(label, r"^[a-z]+(_[a-z]+)*$")
                    self.assertEqual(label == "le", sample.name.endswith("_bucket"))

    def test_what_rises_never_falls(self):
        last, now = {}, {}
        for act in (
            lambda: None,
            lambda: hub.send("d1", "x", ack="full"),
            lambda: hub.send("d2", "x", ack="full", ttl="PT1M"),
            lambda: hub.do("POST", f"{D1}/receive"),
            lambda: hub.advance("PT61S"),
            lambda: hub.do("POST", f"{D1}/receive"),
            lambda: refuse(404, "GET", f"{API}/devices/none"),
            lambda: hub.flush_feedback(),
            lambda: hub.do("POST", f"{API}/snapshots/s"),
            lambda: hub.do("DELETE", f"{D1}/messages"),
            lambda: hub.do("POST", f"{API}/snapshots/s/restore"),
            lambda: hub.do("DELETE", D1),
            lambda: hub.do("POST", f"{API}/reset", {"keep": ["devices"]}),
            lambda: hub.do("POST", f"{API}/reset"),
            lambda: hub.send("d1", "x"),
        ):
            act()
            now = rising(scrape()[0])
            for series, value in last.items():
                self.assertIn(series, now)
                self.assertGreaterEqual(now[series], value, series)
            last = now
        self.assertGreater(now[("devicebound_messages_enqueued_total", ())], 2)
        self.assertEqual(now[("devicebound_messages_ended_total", (("outcome", "expired"),))], 1)
        self.assertEqual(now[("devicebound_lock_expiries_total", ())], 1)


if __name__ == "__main__":
    unittest.main()
