"""Unmodified boto3 and the AWS CLI speak to CloudWatch of `switchboard up`.

Build first: `cargo build`. The program to run is named by the environment variable SWITCHBOARD;
SWITCHBOARD_AWS names the address of one that runs already.
"""

import datetime
import json
import os
import subprocess
import sys
import time
import unittest
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("SWITCHBOARD", str(ROOT / "target/debug/switchboard"))
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
DIMENSIONS = [{"Name": "Stage", "Value": "prod"}]


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.process = None
        cls.endpoint = os.environ.get("SWITCHBOARD_AWS")
        if not cls.endpoint:
            options = ["up", "--json", "--port", "0", "--aws-port", "0", "--logs", "none"]
            cls.process = subprocess.Popen([PROGRAM, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
            line = cls.process.stdout.readline()
            assert line, "it did not come up"
            cls.endpoint = json.loads(line)["aws"]
        cls.client = boto3.client(
            "cloudwatch",
            endpoint_url=cls.endpoint,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            config=Config(retries={"max_attempts": 1}),
        )

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        if cls.process:
            cls.process.terminate()
            cls.process.stdout.close()
            assert cls.process.wait(timeout=20) == 0, "a clean end"

    def aws(self, *arguments):
        """Runs the AWS CLI and gives its answer."""
        command = [sys.executable, "-m", "awscli", "--endpoint-url", self.endpoint, "--output", "json"]
        done = subprocess.run(
            [*command, "cloudwatch", *arguments],
            env={**os.environ, **CREDENTIALS},
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def put(self, name, **datum):
        data = [{"MetricName": name, "Dimensions": DIMENSIONS, **datum}]
        self.client.put_metric_data(Namespace="Interop", MetricData=data)

    def window(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        return {"StartTime": now - datetime.timedelta(minutes=5), "EndTime": now + datetime.timedelta(minutes=1)}

    def query(self, identifier, name, stat):
        metric = {"Namespace": "Interop", "MetricName": name, "Dimensions": DIMENSIONS}
        return {"Id": identifier, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}

    def test_what_is_put_is_read_listed_and_calculated_with(self):
        self.put("Latency", Values=[10.0, 20.0], Counts=[9.0, 1.0], Unit="Milliseconds")
        self.put("Calls", Value=4)
        queries = [
            self.query("p90", "Latency", "p90"),
            self.query("calls", "Calls", "Sum"),
            {"Id": "e1", "Expression": "SUM([p90, calls]) * 10", "Label": "both"},
        ]
        answer = self.client.get_metric_data(MetricDataQueries=queries, **self.window())
        values = {result["Id"]: sum(result["Values"]) for result in answer["MetricDataResults"]}
        self.assertEqual(values, {"p90": 10.0, "calls": 4.0, "e1": 140.0})
        statistics = self.client.get_metric_statistics(
            Namespace="Interop",
            MetricName="Latency",
            Dimensions=DIMENSIONS,
            Period=3600,
            Statistics=["SampleCount", "Average"],
            ExtendedStatistics=["p99"],
            **self.window(),
        )
        point = statistics["Datapoints"][0]
        self.assertEqual((point["SampleCount"], point["Average"], point["Unit"]), (10.0, 11.0, "Milliseconds"))
        self.assertEqual(point["ExtendedStatistics"], {"p99": 20.0})
        metrics = self.client.list_metrics(Namespace="Interop", MetricName="Calls")["Metrics"]
        self.assertEqual(metrics, [{"Namespace": "Interop", "MetricName": "Calls", "Dimensions": DIMENSIONS}])

    def test_errors_are_the_services_own(self):
        with self.assertRaises(self.client.exceptions.InvalidParameterCombinationException):
            self.put("Both", Value=1, Values=[1])
        with self.assertRaises(ClientError) as refused:
            self.client.set_alarm_state(AlarmName="gone", StateValue="OK", StateReason="r")
        self.assertEqual(refused.exception.response["Error"]["Code"], "ResourceNotFound")
        with self.assertRaises(ClientError) as refused:
            self.client.list_dashboards()
        self.assertEqual(refused.exception.response["Error"]["Code"], "InvalidAction")

    def test_the_cli_puts_and_reads(self):
        self.aws("put-metric-data", "--namespace", "Interop", "--metric-name", "Cli", "--value", "7")
        listed = self.aws("list-metrics", "--namespace", "Interop", "--metric-name", "Cli")
        self.assertEqual(listed["Metrics"][0]["MetricName"], "Cli")
        window = {name: time.isoformat() for name, time in self.window().items()}
        statistics = self.aws(
            *("get-metric-statistics", "--namespace", "Interop", "--metric-name", "Cli", "--period", "60"),
            *("--start-time", window["StartTime"], "--end-time", window["EndTime"], "--statistics", "Maximum"),
        )
        self.assertEqual(statistics["Datapoints"][0]["Maximum"], 7.0)
        put = ("put-metric-alarm", "--alarm-name", "cli", "--namespace", "Interop", "--metric-name", "Cli")
        how = ("--statistic", "Sum", "--period", "60", "--evaluation-periods", "1", "--threshold", "5")
        self.aws(*put, *how, "--comparison-operator", "GreaterThanThreshold")
        self.addCleanup(self.client.delete_alarms, AlarmNames=["cli"])
        self.aws("set-alarm-state", "--alarm-name", "cli", "--state-value", "ALARM", "--state-reason", "trying")
        described = self.aws("describe-alarms", "--alarm-names", "cli")
        self.assertEqual(described["MetricAlarms"][0]["StateValue"], "ALARM")

    def test_an_alarm_goes_to_alarm_and_back_by_its_data(self):
        self.client.put_metric_alarm(
            AlarmName="fast",
            Namespace="Interop",
            MetricName="Fast",
            Dimensions=DIMENSIONS,
            Statistic="Maximum",
            Period=10,
            EvaluationPeriods=1,
            Threshold=5,
            ComparisonOperator="GreaterThanThreshold",
        )
        self.addCleanup(self.client.delete_alarms, AlarmNames=["fast"])
        for value, expected in ((6, "ALARM"), (1, "OK")):
            self.until("fast", value, expected)
        history = self.client.describe_alarm_history(
            AlarmName="fast", HistoryItemType="StateUpdate", ScanBy="TimestampAscending"
        )
        summaries = [item["HistorySummary"] for item in history["AlarmHistoryItems"]]
        self.assertEqual(summaries[-2:], ["Alarm updated from INSUFFICIENT_DATA to ALARM", "Alarm updated from ALARM to OK"])

    def until(self, alarm, value, expected):
        """Puts a value again and again until the alarm is in the state."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            self.put("Fast", Value=value, StorageResolution=1)
            described = self.client.describe_alarms(AlarmNames=[alarm])["MetricAlarms"][0]
            if described["StateValue"] == expected:
                return described
            time.sleep(0.5)
        self.fail(f"{alarm} is not in {expected}: {described['StateReason']}")


if __name__ == "__main__":
    unittest.main()
