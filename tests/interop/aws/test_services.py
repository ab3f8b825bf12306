"""Unmodified boto3 and the AWS CLI speak to the AWS port of `switchboard up`.

Build first: `cargo build`. The program to run is named by the environment variable SWITCHBOARD.
"""

import datetime
import json
import os
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("SWITCHBOARD", str(ROOT / "target/debug/switchboard"))
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
DIMENSIONS = [{"Name": "Stage", "Value": "prod"}]


class Running(unittest.TestCase):
    """A running `up`, a client of one service, and the AWS CLI for the same service."""

    template = ROOT / "infra/template.yaml"
    service = ""

    @classmethod
    def setUpClass(cls):
        options = ["up", "--json", "--port", "0", "--aws-port", "0", "--http-port", "0", "--logs", "none"]
        command = [PROGRAM, *options, "--template", str(cls.template)]
        cls.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        line = cls.process.stdout.readline()
        assert line, "it did not come up"
        cls.addresses = json.loads(line)
        cls.endpoint = cls.addresses["aws"]
        cls.client = cls.client_of(cls.service)

    @classmethod
    def client_of(cls, service):
        return boto3.client(
            service,
            endpoint_url=cls.endpoint,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            config=Config(retries={"max_attempts": 1}),
        )

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.process.terminate()
        cls.process.stdout.close()
        assert cls.process.wait(timeout=20) == 0, "a clean end"

    def aws(self, *arguments):
        """Runs the AWS CLI and gives its answer."""
        command = [sys.executable, "-m", "awscli", "--endpoint-url", self.endpoint, "--output", "json"]
        done = subprocess.run(
            [*command, self.service, *arguments],
            env={**os.environ, **CREDENTIALS},
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None


class Metrics(Running):
    service = "cloudwatch"

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


class Logs(Running):
    service = "logs"

    def test_what_is_put_is_read_and_filtered(self):
        self.client.create_log_group(logGroupName="interop")
        self.client.create_log_stream(logGroupName="interop", logStreamName="s")
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": '{"level":"ERROR"}'}, {"timestamp": now + 1, "message": "second"}]
        self.client.put_log_events(logGroupName="interop", logStreamName="s", logEvents=events)
        read = self.client.get_log_events(logGroupName="interop", logStreamName="s", startFromHead=True)
        self.assertEqual([event["message"] for event in read["events"]], ['{"level":"ERROR"}', "second"])
        found = self.client.filter_log_events(logGroupName="interop", filterPattern='{ $.level = "ERROR" }')
        self.assertEqual([event["message"] for event in found["events"]], ['{"level":"ERROR"}'])
        with self.assertRaises(self.client.exceptions.ResourceAlreadyExistsException):
            self.client.create_log_group(logGroupName="interop")

    def test_the_cli_sees_the_groups_of_the_template(self):
        groups = self.aws("describe-log-groups", "--log-group-name-prefix", "/aws/lambda/")["logGroups"]
        names = [group["logGroupName"].rsplit("/", 1)[1] for group in groups]
        self.assertIn("default", names)
        self.assertEqual({group["retentionInDays"] for group in groups if "retentionInDays" in group}, {30})


class Queues(Running):
    service = "sqs"
    template = ROOT / "tests/fixtures/triggers.yaml"

    def url(self, name):
        return self.client.get_queue_url(QueueName=name)["QueueUrl"]

    def until(self, what, found):
        """Looks again and again until something is there."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            there = found()
            if there:
                return there
            time.sleep(0.1)
        self.fail(what)

    def lines(self, text):
        logs = self.client_of("logs")
        self.addCleanup(logs.close)
        return logs.filter_log_events(logGroupName="/aws/lambda/probe", filterPattern=f'"{text}"')["events"]

    def test_a_function_gets_messages_and_bad_ones_become_dead_letters(self):
        self.client.send_message(QueueUrl=self.url("jobs"), MessageBody='{"do":"print","stdout":"job done\\n"}')
        self.client.send_message(QueueUrl=self.url("jobs"), MessageBody="poison")
        # The event names it as well; what the function printed is a line by itself.
        printed = lambda: [line for line in self.lines("job done") if line["message"] == "job done"]
        self.assertEqual(len(self.until("the job's line", printed)), 1)
        dead = self.until("a dead letter", lambda: self.client.receive_message(
            QueueUrl=self.url("dead"), WaitTimeSeconds=5, MessageSystemAttributeNames=["All"]
        ).get("Messages"))
        self.assertEqual(dead[0]["Body"], "poison")
        self.assertTrue(dead[0]["Attributes"]["DeadLetterQueueSourceArn"].endswith(":jobs"))

    def test_a_fifo_queue_keeps_the_order_of_a_group(self):
        queue = self.url("ordered.fifo")
        entries = [{"Id": str(n), "MessageBody": f"m{n}", "MessageGroupId": "g"} for n in range(3)]
        self.assertEqual(len(self.client.send_message_batch(QueueUrl=queue, Entries=entries)["Successful"]), 3)
        received = []
        for _ in range(3):
            message = self.client.receive_message(QueueUrl=queue)["Messages"][0]
            received.append(message["Body"])
            self.client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        self.assertEqual(received, ["m0", "m1", "m2"])

    def test_the_cli_and_errors(self):
        attributes = self.aws("get-queue-attributes", "--queue-url", self.url("jobs"), "--attribute-names", "All")
        self.assertEqual(attributes["Attributes"]["VisibilityTimeout"], "2")
        with self.assertRaises(self.client.exceptions.QueueDoesNotExist):
            self.url("none")

    def test_the_http_api_calls_the_function(self):
        body = json.dumps({"do": "print", "stdout": "by http\n"}).encode()
        request = urllib.request.Request(self.addresses["http"] + "/act", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            self.assertEqual((answer.status, answer.read()), (200, b"null"))
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(self.addresses["http"] + "/nowhere")
        self.assertEqual((refused.exception.code, refused.exception.read()), (404, b'{"message":"Not Found"}'))


if __name__ == "__main__":
    unittest.main()
